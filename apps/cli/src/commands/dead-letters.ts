import { setTimeout as delay } from "node:timers/promises";
import type { ErrorCode } from "@penstock/core/error-codes";
import { ConfigError } from "@penstock/core/errors";
import type { LetterStatus } from "@penstock/core/letter";
import { startFetcher } from "@penstock/fetcher/start-fetcher";
import { requestRedrive } from "@penstock/pipeline/redrive";
import { mirrorLetters } from "@penstock/pipeline/sweep";
import { exitCodes } from "@penstock/runtime/failure";
import { openConfiguredStore, openRuntime } from "@penstock/runtime/open-runtime";
import type { LetterFilter, Store, StoredLetter } from "@penstock/store/store";
import { startTransformer } from "@penstock/transformer/start-transformer";
import Table from "cli-table3";
import type { CommandContext } from "../program.ts";

type FilterOptions = { stream?: string; code?: string; limit: string; status?: string; json?: boolean };

/** `penstock dead-letters list` */
export async function list(context: CommandContext, options: FilterOptions): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const store = stack.adopt(await openConfiguredStore(context.config), (opened) => opened.close());
  const letters = await store.listLetters(filterOf([], options));
  if (options.json === true) for (const letter of letters) context.out.write(`${JSON.stringify(letter)}\n`);
  else context.out.write(letters.length === 0 ? "no such dead letters\n" : `${tableOf(letters)}\n`);
  return exitCodes.ok;
}

/** `penstock dead-letters show` */
export async function show(context: CommandContext, id: string): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const store = stack.adopt(await openConfiguredStore(context.config), (opened) => opened.close());
  const letter = await store.readLetter(id);
  if (letter === undefined) throw new ConfigError("LETTER_UNKNOWN", `there is no dead letter ${id}`);
  context.out.write(`${JSON.stringify({ ...letter, payload: JSON.parse(letter.payload) }, null, 2)}\n`);
  return exitCodes.ok;
}

/** `penstock dead-letters redrive`: puts them back and waits until each is resolved or open again. */
export async function redrive(context: CommandContext, ids: string[], options: FilterOptions): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const { config, logger, out, signal } = context;
  const runtime = await openRuntime({ config, logger, stack, hasShortLocks: true });
  await startTransformer(runtime, stack);
  await startFetcher(runtime, stack);
  const { store } = runtime.context;
  const openBefore = await store.listLetters(filterOf(ids, options));
  const count = await requestRedrive(runtime.context, filterOf(ids, options));
  const after = await settled(
    store,
    openBefore.map(({ id }) => id),
    signal,
  );
  await mirrorLetters(runtime.context);
  const resolved = after.filter(({ status }) => status === "resolved").length;
  out.write(`${count} put back: ${resolved} resolved, ${count - resolved} open again\n`);
  return resolved === count ? exitCodes.ok : exitCodes.failed;
}

async function settled(store: Store, ids: string[], signal: AbortSignal): Promise<StoredLetter[]> {
  if (ids.length === 0) return [];
  for (;;) {
    const letters = (await Promise.all(ids.map((id) => store.readLetter(id)))).filter((letter) => letter !== undefined);
    if (letters.every(({ status }) => status !== "redriving")) return letters;
    await delay(50, undefined, { signal });
  }
}

/** `penstock dead-letters discard` */
export async function discard(context: CommandContext, ids: string[], options: FilterOptions): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const store = stack.adopt(await openConfiguredStore(context.config), (opened) => opened.close());
  const letters = await store.listLetters(filterOf(ids, options));
  const count = await store.discardLetters(letters.map(({ id }) => id));
  context.out.write(`${count} discarded\n`);
  return exitCodes.ok;
}

function filterOf(ids: string[], options: FilterOptions): LetterFilter {
  const [source, stream] = options.stream?.split(".", 2) ?? [];
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1)
    throw new ConfigError("CONFIG_INVALID", `--limit must be a whole number above 0, got ${options.limit}`);
  return {
    limit,
    status: (options.status ?? "open") as LetterStatus,
    ...(ids.length > 0 && { ids }),
    ...(source !== undefined && { source }),
    ...(stream !== undefined && { stream }),
    ...(options.code !== undefined && { code: options.code as ErrorCode }),
  };
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
    table.push([
      id,
      `${source}.${stream}`,
      code,
      key ?? "",
      path ?? "",
      `${attempts}×`,
      lastSeenAt.toISOString(),
      message,
    ]);
  }
  return table.toString();
}
