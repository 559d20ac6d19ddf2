import { promisify } from "node:util";
import { zstdCompress } from "node:zlib";
import { type ContractAction, contractActions } from "@penstock/core/drift";
import type { JsonObject } from "@penstock/core/json";
import { livePartition } from "@penstock/core/run";
import type { JobPayloads } from "@penstock/queues/catalog";
import { defineStream, type StreamDefinition } from "@penstock/source/define-source";
import type { Stream } from "@penstock/source/model";
import { schemaVersion } from "@penstock/source/view-columns";
import { databaseTargets } from "@penstock/testing/databases";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { PipelineContext } from "./context.ts";
import { createManualQueues } from "./manual-queues.ts";
import { createPageTransformer } from "./page-transformer.ts";
import { openBench } from "./test-bench.ts";
import { settleTransform, transformPage } from "./transform.ts";

const compress = promisify(zstdCompress);

const streamOf = (contract: ContractAction): StreamDefinition =>
  defineStream({
    path: "/",
    key: "id",
    contract,
    deadLetterBudget: 100,
    schema: z.object({
      id: z.string(),
      amount: z.int().optional(),
      name: z.string(),
      status: z.enum(["open", "paid"]),
      meta: z.object({ x: z.int() }).optional(),
    }),
  });

const good = { amount: 5, name: "n", status: "open", meta: { x: 1 } };
const { name: _name, ...nameless } = good;
const manyFields = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`f${i}`, i]));

type Kept = { data: JsonObject; extra: JsonObject | null };
/** What becomes of the record that drifted; a letter's code where it is put aside. Frozen are all of them. */
type Scenario = { came: JsonObject; kind: string; paths: number } & {
  evolve: Kept;
  discard: Kept | "filtered";
  quarantine: string;
};

const { amount: _amount, ...amountless } = good;
const { status: _status, ...statusless } = good;
const scenarios: Record<string, Scenario> = {
  "an integer becomes a text": {
    came: { ...good, amount: "12" },
    kind: "changedType",
    paths: 1,
    evolve: { data: amountless, extra: { amount: "12" } },
    discard: { data: amountless, extra: null },
    quarantine: "RECORD_INVALID",
  },
  "a field is renamed": {
    came: { ...nameless, title: "n" },
    kind: "missingField",
    paths: 2,
    evolve: { data: nameless, extra: { title: "n" } },
    discard: "filtered",
    quarantine: "FIELD_UNEXPECTED",
  },
  "an enum grows": {
    came: { ...good, status: "void" },
    kind: "newValue",
    paths: 1,
    evolve: { data: { ...good, status: "void" }, extra: null },
    discard: { data: statusless, extra: null },
    quarantine: "RECORD_INVALID",
  },
  "a nested object appears": {
    came: { ...good, meta: { x: 1, y: { z: 2 } }, address: { city: "Turin" } },
    kind: "newField",
    paths: 2,
    evolve: { data: good, extra: { address: { city: "Turin" }, "meta.y": { z: 2 } } },
    discard: { data: good, extra: null },
    quarantine: "FIELD_UNEXPECTED",
  },
  "400 new fields come in one page": {
    came: { ...good, ...manyFields },
    kind: "newField",
    paths: 51,
    evolve: { data: good, extra: manyFields },
    discard: { data: good, extra: null },
    quarantine: "FIELD_UNEXPECTED",
  },
};

describe.each(databaseTargets())("drift on $name", (target) => {
  const stack = new AsyncDisposableStack();
  let context: PipelineContext;
  beforeAll(async () => {
    const answer = () => ({ status: 200 });
    const bench = await openBench(stack, target, createManualQueues(), { streams: 1, answer });
    const source = bench.api.source;
    const names = Object.keys(scenarios).flatMap((_, i) =>
      contractActions.map((action) => [`s${i}_${action}`, action] as const),
    );
    const streams = names.map(([name, action]): [string, Stream] => [name, { ...streamOf(action), name }]);
    const sources = new Map([[source.name, { ...source, streams: Object.fromEntries(streams) }]]);
    context = { ...bench.context, sources, transformer: createPageTransformer(sources) };
  });
  afterAll(() => stack.disposeAsync());

  const record = { good: { id: "good", ...good } };

  /** A page whose records fit, then one with a record that does not. */
  async function play(stream: string, came: JsonObject): Promise<string> {
    const of = { source: "scripted", stream, partition: livePartition };
    const { run } = await context.store.startRun({ ...of, mode: "incremental", takeOver: "none" });
    for (const [seq, items] of [[record.good], [{ id: "drifted", ...came }]].entries()) {
      const zstd = (await compress(Buffer.from(JSON.stringify(items)))).toString("base64");
      const cursors = {
        cursorIn: `c${seq}`,
        cursorOut: seq === 0 ? "c1" : null,
        isLast: seq === 1,
        incompleteCode: null,
      };
      const { runId, fence } = run;
      const page = { contentHash: `${seq}`, observedAt: new Date().toISOString(), count: items.length };
      const job: JobPayloads["transform"] = {
        ...of,
        runId,
        fence,
        seq,
        ...cursors,
        ...page,
        items: { kind: "inline", zstd },
      };
      await transformPage(context, job).catch((error) => settleTransform(context, job, error));
    }
    return run.runId;
  }

  const kept = async (stream: string) => {
    const rows = await context.store.queryView(
      `SELECT data, extra FROM records WHERE stream = '${stream}' AND key = 'drifted'`,
    );
    const value = (json: unknown): unknown => (typeof json === "string" ? JSON.parse(json) : json);
    return rows.map(({ data, extra }) => ({ data: value(data), extra: value(extra) }));
  };

  describe.each(Object.entries(scenarios).map(([name, scenario], i) => ({ name, scenario, i })))(
    "$name",
    ({ scenario, i }) => {
      const of = (action: ContractAction) => ({ source: "scripted", stream: `s${i}_${action}` });
      const driftOf = async (action: ContractAction) => context.store.listDrift({ ...of(action), limit: 100 });

      test.each(["evolve", "discard"] as const)("%s: the run succeeds, and what drifted is counted", async (action) => {
        const runId = await play(of(action).stream, scenario.came);
        const expected = scenario[action];
        const filtered = expected === "filtered" ? 1 : 0;
        const account = { fetched: 2, inserted: 2 - filtered, filtered, deadLettered: 0 };
        expect((await context.store.readRun(runId))?.run).toMatchObject({ status: "succeeded", account });
        expect(await kept(of(action).stream)).toEqual(
          expected === "filtered" ? [] : [{ data: { id: "drifted", ...expected.data }, extra: expected.extra }],
        );
        const drift = await driftOf(action);
        expect(drift).toHaveLength(scenario.paths);
        expect(drift).toContainEqual(
          expect.objectContaining({ kind: scenario.kind, action, records: 1, pages: 1, runId, seq: 1 }),
        );
      });

      test("quarantine: the record is a dead letter, whole", async () => {
        await play(of("quarantine").stream, scenario.came);
        expect(await kept(of("quarantine").stream)).toEqual([]);
        const [letter] = await context.store.listLetters({ ...of("quarantine"), limit: 5 });
        expect(letter).toMatchObject({ code: scenario.quarantine, key: "drifted", status: "open" });
        expect(JSON.parse(letter?.payload ?? "")).toEqual({ id: "drifted", ...scenario.came });
        expect(await driftOf("quarantine")).toHaveLength(scenario.paths);
      });

      test("freeze: the run fails with a code of its own, and the page is not passed over", async () => {
        const runId = await play(of("freeze").stream, scenario.came);
        const run = (await context.store.readRun(runId))?.run;
        expect(run).toMatchObject({ status: "failed", errorCode: "SCHEMA_FROZEN", committedSeq: 0, pages: 1 });
        expect(run?.errorMessage).toContain("drifted");
        expect(await kept(of("freeze").stream)).toEqual([]);
        expect(await context.store.listLetters({ ...of("freeze"), limit: 5 })).toEqual([]);
        expect(await driftOf("freeze")).toHaveLength(scenario.paths);
      });
    },
  );

  test("what is listed holds no values, names the schema it met, and stays bounded when every page brings new fields", async () => {
    const stream = "s4_evolve";
    for (let round = 0; round < 3; round += 1) {
      const at = { source: "scripted", stream, runId: "r", seq: round, schemaVersion: "other" };
      const drift = Array.from({ length: 400 }, (_, i) => ({
        kind: "newField" as const,
        action: "evolve" as const,
        path: `p${round}.${i}`,
        expected: "nothing",
        came: "string",
        records: 1,
      }));
      const isNew = await context.store.noteDrift(at, drift);
      // The third round's paths are counted with those that the stream has beyond its first fifty.
      expect(isNew).toHaveLength(round < 2 ? 400 : 0);
    }
    const all = await context.store.listDrift({ source: "scripted", stream, limit: 2_000 });
    expect(all.length).toBeLessThan(1_000);
    expect(all.filter(({ path }) => path === "…").reduce((sum, { records }) => sum + records, 0)).toBe(350 + 400);
    const definition = context.sources.get("scripted")?.streams[stream] as Stream;
    const { fingerprint } = schemaVersion(definition);
    expect(
      await context.store.listDrift({ source: "scripted", stream, schemaVersion: fingerprint, limit: 2_000 }),
    ).toHaveLength(50);
  });

  test("counting ends where the column does, and costs no page", async () => {
    const at = { source: "scripted", stream: "s4_discard", runId: "r", schemaVersion: "many" };
    const drift = { kind: "newField", action: "evolve", path: "much", expected: "nothing", came: "string" } as const;
    for (const [seq, records] of [2_147_483_640, 5, 1_000].entries())
      await context.store.noteDrift({ ...at, seq }, [{ ...drift, records }]);
    const found = await context.store.listDrift({ ...at, limit: 9 });
    expect(found).toMatchObject([{ path: "much", records: 2_147_483_647, pages: 3, seq: 2 }]);
  });
});
