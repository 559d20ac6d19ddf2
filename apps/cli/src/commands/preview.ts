import { ConfigError } from "@penstock/core/errors";
import { exitCodes } from "@penstock/runtime/failure";
import { loadUsableSources } from "@penstock/runtime/usable-sources";
import { cursorText } from "@penstock/source/cursor-field";
import type { Source, Stream } from "@penstock/source/model";
import type { SentRequest } from "@penstock/source/observe-requests";
import { type Asked, type FieldProblem, type Preview, previewPage } from "@penstock/source/preview";
import Table from "cli-table3";
import { openAsking } from "../probe/asking.ts";
import { parentValues } from "../probe/parent-values.ts";
import { recordTable } from "../probe/record-table.ts";
import type { CommandContext } from "../program.ts";
import { resolveTarget } from "../target.ts";

export type PreviewOptions = { json?: boolean; limit: string; since?: string; parent: string[] };

/**
 * `penstock preview`: one page of a stream, validated and transformed. Opens no queue, and the database only for OAuth tokens. 1
 * when the page has records and none of them is valid.
 */
export async function preview(
  { config, out, err, signal }: CommandContext,
  name: string,
  options: PreviewOptions,
): Promise<number> {
  const { source, stream } = onlyStream(resolveTarget(await loadUsableSources(config), name), name);
  const limit = limitOf(options.limit);
  const bound = boundOf(source, stream, options.since);
  await using stack = new AsyncDisposableStack();
  const asking = await openAsking(config, source, { signal, stack });
  const parent = await parentValues(source, stream, options.parent, asking);
  const position = stream.paginator.start(bound);
  const asked: Asked = { requests: [] };
  const shown = await explained(err, asked, () =>
    previewPage(source, stream, { ...asking, position, limit, parent }, asked),
  );
  out.write(
    options.json === true ? `${JSON.stringify(summaryOf(shown))}\n` : describe(stream, shown, out.columns ?? 120),
  );
  return shown.records.length === 0 && shown.problems.length > 0 ? exitCodes.failed : exitCodes.ok;
}

/** A failure says what went wrong, and not what had been asked. */
async function explained<T>(err: CommandContext["err"], { requests }: Asked, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    for (const request of requests) err.write(`${requestText(request)}\n`);
    throw error;
  }
}

function onlyStream(targets: { source: Source; stream: Stream }[], name: string) {
  const [first] = targets;
  if (targets.length === 1 && first !== undefined) return first;
  const streams = targets.map(({ source, stream }) => `${source.name}.${stream.name}`).join(", ");
  throw misused(`${name} has several streams; preview one of them: ${streams}`);
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit > 0) return limit;
  throw misused(`--limit: expected a whole number from 1, received "${text}"`);
}

function boundOf(source: Source, { name, cursor }: Stream, since: string | undefined): string | null {
  if (since === undefined) return null;
  if (cursor === undefined) throw misused(`--since: stream ${source.name}.${name} has no cursor`);
  if (cursor.kind === "compound") throw misused(`--since: the cursor of ${source.name}.${name} has several fields`);
  const isNumber = since.trim() !== "" && Number.isFinite(Number(since));
  const bound = cursorText(cursor.kind, isNumber && cursor.kind !== "string" ? Number(since) : since);
  if (bound !== null) return bound;
  throw misused(`--since: expected a ${cursor.kind}, as the cursor ${cursor.field} is, received "${since}"`);
}

function misused(message: string): ConfigError {
  return new ConfigError("CONFIG_INVALID", message, { remedy: "`penstock preview --help` shows the options" });
}

/** What `--json` prints. */
function summaryOf({ requests, page, records, filtered, problems }: Preview): Record<string, unknown> {
  const { status, sizeBytes, durationMs, items, next } = page;
  const data = records.map((record) => record.data);
  return {
    requests,
    status,
    sizeBytes,
    durationMs,
    fetched: items.length,
    filtered,
    next: next.kind,
    records: data,
    problems,
  };
}

function describe(stream: Stream, shown: Preview, width: number): string {
  const { requests, page, records, filtered, problems } = shown;
  const columns = Object.keys(stream.output.shape);
  const parts = [
    ...requests.map(requestText),
    `${page.status}, ${page.sizeBytes} bytes in ${Math.round(page.durationMs)} ms, ${page.items.length} records; ${nextText(shown)}`,
    ...(records.length === 0 ? [] : [recordTable(records, columns, width)]),
    ...(filtered === 0 ? [] : [`${filtered} records filtered by the transform`]),
    ...(problems.length === 0 ? [] : [problemTable(problems)]),
  ];
  return `${parts.join("\n")}\n`;
}

function requestText({ method, url, headers }: SentRequest): string {
  const sent = Object.entries(headers).map(([name, value]) => `  ${name}: ${value}`);
  return [`${method} ${url}`, ...sent].join("\n");
}

function nextText({ page }: Preview): string {
  if (page.next.kind === "next") return "a next page follows";
  return page.next.kind === "end" ? "this is the last page" : `there is no way on: ${page.next.code}`;
}

/** One line per field and what was found in it, with how many records have that. */
function problemTable(problems: readonly FieldProblem[]): string {
  const byField = Map.groupBy(problems, ({ code, path, expected }) => JSON.stringify([code, path, expected]));
  const table = new Table({
    head: ["field", "expected", "received", "records", "code"],
    style: { head: [], border: [] },
  });
  for (const alike of byField.values()) {
    const [first] = alike;
    if (first !== undefined) table.push([first.path, first.expected, first.received, whichRecords(alike), first.code]);
  }
  const invalid = new Set(problems.map(({ index }) => index)).size;
  return `${invalid} records do not fit and would be dead letters:\n${table.toString()}`;
}

function whichRecords(alike: readonly FieldProblem[]): string {
  const [first] = alike;
  const example = first?.key ?? `number ${(first?.index ?? 0) + 1}`;
  return alike.length === 1 ? example : `${alike.length}, such as ${example}`;
}
