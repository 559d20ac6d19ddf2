import { ConfigError } from "@penstock/core/errors";
import type { JsonValue } from "@penstock/core/json";
import { exitCodes } from "@penstock/runtime/failure";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import { loadUsableSources } from "@penstock/runtime/usable-sources";
import type { LetterFilter, Store, StoredLetter } from "@penstock/store/store";
import Table from "cli-table3";
import { authorOf } from "../author.ts";
import { nearest } from "../nearest.ts";
import type { CommandContext } from "../program.ts";
import { type FilterOptions, filterOf, requireChoice, statusOf } from "./letter-filter.ts";

/** `penstock dead-letters list` */
export async function list(context: CommandContext, options: FilterOptions): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const filter = filterOf([], options, statusOf(options.status));
  const store = await open(context, stack, { isReadOnly: true });
  const letters = await store.listLetters(filter);
  if (letters.length === 0) await requireKnownStream(context, store, filter);
  if (options.json === true) for (const letter of letters) context.out.write(`${jsonOf(letter)}\n`);
  else context.out.write(letters.length === 0 ? "no such dead letters\n" : `${tableOf(letters)}\n`);
  return exitCodes.ok;
}

/** `penstock dead-letters show` */
export async function show(context: CommandContext, id: string, options: { json?: boolean }): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const store = await open(context, stack, { isReadOnly: true });
  const letter = await store.readLetter(id);
  if (letter === undefined) throw unknownLetters([id]);
  context.out.write(`${jsonOf(letter, options.json === true ? undefined : 2)}\n`);
  return exitCodes.ok;
}

/** `penstock dead-letters discard` */
export async function discard(context: CommandContext, ids: string[], options: FilterOptions): Promise<number> {
  requireChoice("discard", ids, options);
  await using stack = new AsyncDisposableStack();
  const filter = filterOf(ids, options, "open");
  const store = await open(context, stack);
  const letters = await chosenLetters(context, store, filter);
  if (options.dryRun === true) return preview(context, "discarded", letters);
  const discarded = await store.discardLetters(
    letters.map(({ id }) => id),
    authorOf(options),
  );
  const count = discarded.length;
  context.out.write(options.json === true ? `${JSON.stringify({ discarded: count })}\n` : `${count} discarded\n`);
  return exitCodes.ok;
}

/**
 * The open letters that a command is about.
 *
 * @throws ConfigError `LETTER_UNKNOWN` when there are none, or one of the ids is unknown
 */
export async function chosenLetters(
  context: CommandContext,
  store: Store,
  filter: LetterFilter,
): Promise<StoredLetter[]> {
  const { ids = [], status: _status, ...others } = filter;
  const known = ids.length === 0 ? [] : await store.listLetters({ ids, limit: ids.length });
  const unknown = ids.filter((id) => known.every((letter) => letter.id !== id));
  if (unknown.length > 0) throw unknownLetters(unknown);
  const letters = await store.listLetters(filter);
  if (letters.length > 0) return letters;
  await requireKnownStream(context, store, others);
  const states = known.map(({ id, status }) => `${id} is ${status}`).join(", ");
  throw new ConfigError("LETTER_UNKNOWN", `no open dead letter is meant${states === "" ? "" : `: ${states}`}`);
}

/** What `--dry-run` shows. */
export function preview({ out }: CommandContext, what: string, letters: StoredLetter[]): number {
  out.write(`${tableOf(letters)}\n${letters.length} would be ${what}\n`);
  return exitCodes.ok;
}

async function open(
  { config }: CommandContext,
  stack: AsyncDisposableStack,
  options: { isReadOnly?: boolean } = {},
): Promise<Store> {
  return stack.adopt(await openConfiguredStore(config, options), (opened) => opened.close());
}

function unknownLetters(ids: string[]): ConfigError {
  return new ConfigError("LETTER_UNKNOWN", `there is no dead letter ${ids.join(", ")}`);
}

/** A stream that neither is defined nor has letters is a mistake in typing; one that was removed may have some. */
async function requireKnownStream(
  { config }: CommandContext,
  store: Store,
  { source, stream }: Pick<LetterFilter, "source" | "stream">,
): Promise<void> {
  if (source === undefined) return;
  if ((await store.countLetters({ source, ...(stream !== undefined && { stream }) })) > 0) return;
  const { sources, unconfigured } = await loadUsableSources(config);
  if (unconfigured.some(({ name }) => name === source)) return;
  const names = [...sources, ...unconfigured].map(({ name }) => name);
  const found = sources.find(({ name }) => name === source);
  if (found === undefined)
    throw new ConfigError("SOURCE_UNKNOWN", `there is no source "${source}"; ${nearest(source, names)}`);
  const streams = Object.keys(found.streams);
  if (stream !== undefined && !streams.includes(stream))
    throw new ConfigError("SOURCE_UNKNOWN", `source ${source} has no stream "${stream}"; ${nearest(stream, streams)}`);
}

/** With the payload as the value it is, not as text in text. */
function jsonOf(letter: StoredLetter, indent?: number): string {
  const payload: JsonValue = JSON.parse(letter.payload);
  return JSON.stringify({ ...letter, payload }, undefined, indent);
}

function tableOf(letters: StoredLetter[]): string {
  const table = new Table({
    head: ["id", "stream", "code", "key", "path", "met", "last seen", "message"],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [null, null, null, null, null, null, null, 60],
  });
  for (const letter of letters) {
    const { id, source, stream, code, key, path, attempts, lastSeenAt, message } = letter;
    const where = `${source}.${stream}`;
    table.push([id, where, code, key ?? "", path ?? "", `${attempts}×`, lastSeenAt.toISOString(), message]);
  }
  return table.toString();
}
