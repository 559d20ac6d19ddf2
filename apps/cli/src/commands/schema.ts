import { driftKinds } from "@penstock/core/drift";
import { isJsonObject, type JsonObject } from "@penstock/core/json";
import { exitCodes } from "@penstock/runtime/failure";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import { loadUsableSources } from "@penstock/runtime/usable-sources";
import { schemaVersion } from "@penstock/source/view-columns";
import type { Store, StoredDrift, StoredSchema } from "@penstock/store/store";
import Table from "cli-table3";
import type { CommandContext } from "../program.ts";
import { fieldsOf, type SchemaChange, type SchemaField, schemaChanges } from "../schema-fields.ts";
import { resolveStream } from "../target.ts";

const shownDrift = 200;

/**
 * `penstock schema`: what a stream's records are, the schemas it had, and with `--diff` what changed from the schema before and
 * what arrived that today's does not say.
 */
export async function schema(
  { config, out }: CommandContext,
  name: string,
  options: { diff?: boolean; json?: boolean },
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const { source, stream } = resolveStream(await loadUsableSources(config), name);
  const of = { source: source.name, stream: stream.name };
  const { fingerprint, jsonSchema } = schemaVersion(stream);
  const store = stack.adopt(await openConfiguredStore(config, { isReadOnly: true }), (opened) => opened.close());
  const versions = await store.listSchemas(of);
  const drift = await store.listDrift({ ...of, schemaVersion: fingerprint, limit: shownDrift });
  const { contract } = stream;
  const found = {
    ...of,
    fingerprint,
    contract,
    versions: versions.map(versionOf),
    input: fieldsOf(jsonSchema.input),
    output: fieldsOf(jsonSchema.output),
  };
  const diff = { changes: changesSince(versions, fingerprint, jsonSchema), drift };
  if (options.json === true)
    out.write(`${JSON.stringify(options.diff === true ? { ...of, fingerprint, ...diff } : found)}\n`);
  else out.write(options.diff === true ? diffText(name, diff) : schemaText(name, found, drift.length));
  return exitCodes.ok;
}

function versionOf({ fingerprint, firstSeenAt }: StoredSchema) {
  return { fingerprint, firstSeenAt };
}

/** From the latest schema that is not today's. */
function changesSince(versions: StoredSchema[], fingerprint: string, now: JsonObject): SchemaChange[] {
  const before = versions.find((version) => version.fingerprint !== fingerprint)?.jsonSchema;
  if (before === undefined) return [];
  return (["input", "output"] as const).flatMap((side) => {
    const [old, current] = [before[side], now[side]];
    return isJsonObject(old) && isJsonObject(current) ? schemaChanges(side, fieldsOf(old), fieldsOf(current)) : [];
  });
}

type Found = {
  fingerprint: string;
  contract: Readonly<Record<string, string>>;
  versions: ReturnType<typeof versionOf>[];
  input: SchemaField[];
  output: SchemaField[];
};

function schemaText(name: string, { fingerprint, contract, versions, input, output }: Found, drifted: number): string {
  const actions = driftKinds.map((kind) => `${kind} ${contract[kind]}`).join(", ");
  const history = versions
    .map((version) => `  ${version.fingerprint} since ${version.firstSeenAt.toISOString()}\n`)
    .join("");
  const more = drifted === 0 ? "" : `${drifted} paths drifted: penstock schema ${name} --diff\n`;
  const fields = `as it arrives\n${fieldTable(input)}\nas it is stored\n${fieldTable(output)}\n`;
  return `${name}, schema ${fingerprint}\ncontract: ${actions}\n${fields}schemas it had\n${history}${more}`;
}

function fieldTable(fields: SchemaField[]): string {
  const table = new Table({ head: ["field", "type", "required"], style: { head: [], border: [] } });
  for (const { path, type, isRequired } of fields) table.push([path, type, isRequired ? "yes" : ""]);
  return table.toString();
}

function diffText(name: string, { changes, drift }: { changes: SchemaChange[]; drift: StoredDrift[] }): string {
  const signs = { added: "+", removed: "-", changed: "~" } as const;
  const lines = changes.map(({ side, path, change, before, after }) => {
    const what = change === "changed" ? `${before} → ${after}` : (after ?? before);
    return `  ${signs[change]} ${side} ${path}: ${what}\n`;
  });
  const since =
    lines.length === 0 ? "nothing changed since the schema before\n" : `since the schema before\n${lines.join("")}`;
  const arrived =
    drift.length === 0 ? `nothing arrived at ${name} that its schema does not say\n` : `${driftTable(drift)}\n`;
  return `${since}${arrived}`;
}

function driftTable(drift: Awaited<ReturnType<Store["listDrift"]>>): string {
  const table = new Table({
    head: [
      "drift",
      "field",
      "expected",
      "came",
      "contract",
      "records",
      "pages",
      "first seen",
      "last seen",
      "last page",
    ],
    style: { head: [], border: [] },
  });
  for (const { kind, path, expected, came, action, records, pages, firstSeenAt, lastSeenAt, runId, seq } of drift) {
    const seen = [firstSeenAt.toISOString(), lastSeenAt.toISOString()];
    table.push([kind, path, expected, came, action, records, pages, ...seen, `${runId} ${seq}`]);
  }
  return table.toString();
}
