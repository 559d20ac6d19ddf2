import { setTimeout as delay } from "node:timers/promises";
import { ConfigError } from "@penstock/core/errors";
import { startFetcher } from "@penstock/fetcher/start-fetcher";
import { requireBackfillable, startBackfillWindows } from "@penstock/pipeline/backfills";
import { exitCodes } from "@penstock/runtime/failure";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import { openRuntime } from "@penstock/runtime/open-runtime";
import { startUpkeep } from "@penstock/runtime/upkeep";
import { loadUsableSources } from "@penstock/runtime/usable-sources";
import { type Duration, durationMs } from "@penstock/source/duration";
import { instantMs } from "@penstock/source/instant";
import type { Backfill, NewBackfill, Store } from "@penstock/store/store";
import { startTransformer } from "@penstock/transformer/start-transformer";
import Table from "cli-table3";
import { authorOf } from "../author.ts";
import { tellHolds } from "../holds.ts";
import type { CommandContext } from "../program.ts";
import { createProgress } from "../progress.ts";
import { resolveStream } from "../target.ts";

const startEveryMs = 50;
const showEveryMs = 500;

export type BackfillOptions = {
  from: string;
  to: string;
  partition: string;
  parallel: number;
  detach?: boolean;
  reason?: string;
  json?: boolean;
};

/**
 * `penstock backfill`: fetches a span of time again, in windows, with workers in this process; interrupted, the same command goes on
 * where it stopped. With `--detach` it is left to the processes that run already.
 */
export async function backfill(
  { config, logger, out, err, signal }: CommandContext,
  name: string,
  options: BackfillOptions,
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const { source, stream } = resolveStream(await loadUsableSources(config), name);
  const request: NewBackfill = {
    source: source.name,
    stream: stream.name,
    from: timeOf("--from", options.from),
    to: timeOf("--to", options.to),
    windowMs: lengthOf(options.partition),
    parallel: options.parallel,
  };
  requireBackfillable(stream, request);
  if (options.detach === true) {
    const store = stack.adopt(await openConfiguredStore(config), (opened) => opened.close());
    const started = await store.startBackfill(request, authorOf(options));
    out.write(`${options.json === true ? JSON.stringify(started.backfill) : describeBackfill(started.backfill)}\n`);
    return exitCodes.ok;
  }
  const runtime = await openRuntime({ app: "cli", config, logger, stack, hasShortLocks: true });
  const { store } = runtime.context;
  const started = await store.startBackfill(request, authorOf(options));
  if (!started.isNew) err.write(`goes on with backfill ${started.backfill.id}\n`);
  await startTransformer(runtime, stack);
  await startFetcher(runtime, stack, [source.name]);
  startUpkeep(runtime.context, stack);
  stack.use(tellHolds(runtime.context, [source.name], err));
  const ended = await drain(store, started.backfill.id, {
    signal,
    progress: createProgress(err),
    startWindows: () => startBackfillWindows(runtime.context),
  });
  out.write(`${options.json === true ? JSON.stringify(ended) : describeBackfill(ended)}\n`);
  return ended.status === "succeeded" ? exitCodes.ok : exitCodes.failed;
}

/** `penstock backfills list`: newest first. */
export async function list(
  { config, out }: CommandContext,
  options: { limit: number; json?: boolean },
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const store = stack.adopt(await openConfiguredStore(config, { isReadOnly: true }), (opened) => opened.close());
  const found = await store.listBackfills(options);
  if (options.json === true) for (const each of found) out.write(`${JSON.stringify(each)}\n`);
  else out.write(found.length === 0 ? "there was no backfill yet\n" : `${tableOf(found)}\n`);
  return exitCodes.ok;
}

/** `penstock backfills cancel`: what it committed stays. */
export async function cancel(
  { config, out }: CommandContext,
  id: string,
  options: { reason?: string; json?: boolean },
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const store = stack.adopt(await openConfiguredStore(config), (opened) => opened.close());
  const { backfill: found, isCancelled } = await store.cancelBackfill(id, authorOf(options));
  const said = isCancelled ? describeBackfill(found) : `${id} had ended already: ${found.status}`;
  out.write(`${options.json === true ? JSON.stringify({ ...found, isCancelled }) : said}\n`);
  return exitCodes.ok;
}

type Draining = {
  signal: AbortSignal;
  progress: ReturnType<typeof createProgress>;
  startWindows: () => Promise<void>;
};

async function drain(store: Store, id: string, { signal, progress, startWindows }: Draining): Promise<Backfill> {
  let shownAt = 0;
  for (;;) {
    await startWindows();
    if (performance.now() - shownAt > showEveryMs) {
      const now = await store.readBackfill(id);
      const { total, done, failed } = now.windows;
      progress.show({ done: done + failed, remaining: total - done - failed, unit: "windows" });
      if (now.status !== "running") {
        progress.end();
        return now;
      }
      shownAt = performance.now();
    }
    await delay(startEveryMs, undefined, { signal });
  }
}

function timeOf(option: string, text: string): Date {
  const ms = instantMs(text);
  if (ms !== null) return new Date(ms);
  throw new ConfigError(
    "CONFIG_INVALID",
    `${option} must be a time as 2026-01-31 or 2026-01-31T12:00:00Z, got ${text}`,
  );
}

function lengthOf(text: string): number {
  try {
    const ms = durationMs(text as Duration);
    if (ms >= 1_000) return ms;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw new ConfigError(
    "CONFIG_INVALID",
    `--partition must be a length of a second or more as 6h, 1d or 1w, got ${text}`,
  );
}

function describeBackfill({ id, source, stream, status, windows, account }: Backfill): string {
  const failed = windows.failed > 0 ? `, ${windows.failed} failed (the same command tries them again)` : "";
  const outcomes = `${account.inserted} inserted, ${account.updated} updated, ${account.unchanged} unchanged, ${account.duplicate} duplicate, ${account.filtered} filtered, ${account.deadLettered} dead-lettered`;
  return `${source}.${stream}: backfill ${id} ${status}: ${windows.done} of ${windows.total} windows${failed}, ${account.fetched} records fetched: ${outcomes}`;
}

function tableOf(found: Backfill[]): string {
  const table = new Table({
    head: ["backfill", "stream", "from", "to", "status", "windows", "failed", "fetched", "started"],
    style: { head: [], border: [] },
  });
  for (const { id, source, stream, from, to, status, windows, account, startedAt } of found)
    table.push([
      id,
      `${source}.${stream}`,
      from.toISOString(),
      to.toISOString(),
      status,
      `${windows.done} of ${windows.total}`,
      windows.failed,
      account.fetched,
      startedAt.toISOString(),
    ]);
  return table.toString();
}
