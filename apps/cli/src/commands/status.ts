import type { Config } from "@penstock/config/config";
import { codeOf } from "@penstock/core/decision";
import type { SourceState } from "@penstock/core/source-state";
import type { QueueDepth } from "@penstock/queues/queues";
import { exitCodes } from "@penstock/runtime/failure";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import type { PartitionCounts, StreamState } from "@penstock/store/store";
import Table from "cli-table3";
import { type Hold, holdsOf, holdText } from "../holds.ts";
import type { CommandContext } from "../program.ts";
import { readQueueDepths } from "../queue-depths.ts";

export type Status = {
  streams: {
    source: string;
    stream: string;
    checkpoint: string | null;
    watermark: string | null;
    lagMs: number | null;
    isPaused: boolean;
    lastRun: {
      run: string;
      status: string;
      startedAt: string;
      endedAt: string | null;
      fetched: number;
      errorCode: string | null;
    } | null;
    lastSuccessAt: string | null;
    deadLetters: number;
    /** Of a child stream: one per record of its parent, those to be run, those whose last run failed. */
    partitions: { total: number; due: number; failing: number; oldestDueMs: number | null } | null;
  }[];
  /** Those that no request goes to for now. */
  held: Hold[];
  /** `null` with the embedded queue while no process has it open. */
  queues: QueueDepth[] | null;
};

/** `penstock status`: where every stream stands. Reads the database and the queue, writes nothing. */
export async function status({ config, logger, out }: CommandContext, options: { json?: boolean }): Promise<number> {
  const [{ streams, sources }, queues] = await Promise.all([readStates(config), readQueueDepths(config.queue, logger)]);
  const now = new Date();
  const found: Status = {
    streams: streams.map((state) => describeStream(state, now.getTime())),
    held: holdsOf(sources, now),
    queues,
  };
  out.write(options.json === true ? `${JSON.stringify(found)}\n` : format(found));
  return exitCodes.ok;
}

/** None where there is no database yet: that is how every installation begins. */
async function readStates(
  config: Config,
): Promise<{ streams: StreamState[]; sources: (SourceState & { source: string })[] }> {
  await using stack = new AsyncDisposableStack();
  try {
    const store = stack.adopt(await openConfiguredStore(config, { isReadOnly: true }), (opened) => opened.close());
    return { streams: await store.streamStates(), sources: await store.sourceStates() };
  } catch (error) {
    if (codeOf(error) === "DATABASE_MISSING") return { streams: [], sources: [] };
    throw error;
  }
}

function describeStream(
  { checkpoint, partitions, lastRun, lastSuccessAt, openLetters }: StreamState,
  now: number,
): Status["streams"][number] {
  const { source, stream, bound, watermark, isPaused } = checkpoint;
  return {
    source,
    stream,
    checkpoint: bound,
    watermark: watermark?.toISOString() ?? null,
    lagMs: watermark === null ? null : now - watermark.getTime(),
    isPaused,
    lastRun: lastRun && {
      run: lastRun.runId,
      status: lastRun.status,
      startedAt: lastRun.startedAt.toISOString(),
      endedAt: lastRun.endedAt?.toISOString() ?? null,
      fetched: lastRun.account.fetched,
      errorCode: lastRun.errorCode,
    },
    lastSuccessAt: lastSuccessAt?.toISOString() ?? null,
    deadLetters: openLetters,
    partitions: partitions && describePartitions(partitions, now),
  };
}

function describePartitions({ oldestDueSince, ...counts }: PartitionCounts, now: number) {
  return { ...counts, oldestDueMs: oldestDueSince === null ? null : now - oldestDueSince.getTime() };
}

function format({ streams, held, queues }: Status): string {
  const plain = { head: [], border: [] };
  const table = new Table({
    head: ["stream", "checkpoint", "watermark", "lag", "last run", "dead letters"],
    style: plain,
  });
  for (const each of streams) {
    const { source, stream, isPaused, watermark, lagMs, lastRun, deadLetters } = each;
    const name = `${source}.${stream}${isPaused ? " (paused)" : ""}`;
    const run =
      lastRun === null
        ? "never"
        : `${lastRun.status}${lastRun.errorCode === null ? "" : ` (${lastRun.errorCode})`} ${lastRun.endedAt ?? lastRun.startedAt}`;
    const checkpoint = each.partitions === null ? each.checkpoint : partitionsText(each.partitions);
    table.push([name, checkpoint ?? "", watermark ?? "", lagMs === null ? "" : duration(lagMs), run, deadLetters]);
  }
  const head =
    streams.length === 0
      ? "no stream has run yet; penstock run <source> or penstock up starts one\n"
      : `${table.toString()}\n`;
  return head + held.map(holdText).join("") + formatQueues(queues);
}

/** A child stream has a checkpoint per partition: too many to show. */
function partitionsText(partitions: NonNullable<Status["streams"][number]["partitions"]>): string {
  const { total, due, failing, oldestDueMs } = partitions;
  const since = oldestDueMs === null ? "" : ` for up to ${duration(oldestDueMs)}`;
  return `${total} partitions, ${due} due${since}, ${failing} failing`;
}

function formatQueues(queues: QueueDepth[] | null): string {
  if (queues === null) return "queues: embedded, and no penstock process has them open\n";
  const table = new Table({
    head: ["queue", "waiting", "active", "delayed", "failed"],
    style: { head: [], border: [] },
  });
  for (const { queue, waiting, active, delayed, failed } of queues)
    table.push([queue, waiting, active, delayed, failed]);
  return `${table.toString()}\n`;
}

/** Milliseconds as a person says them: `42 s`, `3 h 5 min`, `12 d 3 h`. */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const units: [number, string][] = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const first = units.findIndex(([size]) => seconds >= size);
  if (first === -1) return "0 s";
  const parts = units
    .slice(first, first + 2)
    .map(
      ([size, unit], i) => [Math.floor((i === 0 ? seconds : seconds % (units[first]?.[0] ?? 1)) / size), unit] as const,
    );
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}
