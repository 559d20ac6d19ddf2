import { setTimeout as delay } from "node:timers/promises";
import type { Author } from "@penstock/core/audit";
import { errorCodes } from "@penstock/core/error-codes";
import type { RunMode } from "@penstock/core/run";
import type { PipelineContext } from "@penstock/pipeline/context";
import { startDueRuns } from "@penstock/pipeline/start-children";
import type { Parent } from "@penstock/source/model";
import type { PartitionCounts, RunTotals } from "@penstock/store/store";
import type { Target } from "../target.ts";

const pollMs = 50;

/** What is asked for, and by whom. */
export type Asked = { mode: RunMode; author: Author };

/** What the runs of a child stream came to, added up. */
export type ChildRuns = {
  source: string;
  stream: string;
  totals: RunTotals;
  partitions: PartitionCounts;
  durationMs: number;
};

/**
 * Runs the due partitions of a child stream until none can be started: those that failed wait for a later try. Partitions that
 * failed before are tried at once, since somebody asks for it; a full run is one of all partitions.
 */
export async function runChildren(
  context: PipelineContext,
  target: Target & { parent: Parent },
  { mode, author }: Asked,
  signal: AbortSignal,
): Promise<ChildRuns> {
  const { store } = context;
  const name = { source: target.source.name, stream: target.stream.name };
  const parent = target.parent.stream;
  const [live] = await store.liveRuns(name);
  const startedAt = await store.now();
  const isFull = mode === "full";
  if (isFull) await store.markDue({ ...name, parent, which: "all", mode, author });
  await store.markDue({ ...name, parent, which: "failing", mode, ...(!isFull && { author }) });
  while ((await startDueRuns(context, name)) > 0 || (await store.liveRuns(name)).length > 0) {
    await delay(pollMs, undefined, { signal });
  }
  const totals = await store.sumRuns({ ...name, since: live?.startedAt ?? startedAt });
  const states = await store.streamStates();
  const state = states.find(({ checkpoint }) => checkpoint.source === name.source && checkpoint.stream === name.stream);
  const partitions = state?.partitions ?? { total: 0, due: 0, failing: 0, oldestDueSince: null };
  return { ...name, totals, partitions, durationMs: (await store.now()).getTime() - startedAt.getTime() };
}

/** `succeeded` when no partition is left whose last run failed. */
export const statusOf = ({ partitions }: ChildRuns): "succeeded" | "failed" =>
  partitions.failing > 0 ? "failed" : "succeeded";

/** What `--json` prints: one line for all runs, `fetched` being the sum of the six outcomes. */
export function summaryOfChildren(ended: ChildRuns): Record<string, unknown> {
  const { source, stream, totals, durationMs } = ended;
  const { total, due, failing } = ended.partitions;
  const status = statusOf(ended);
  const failure = status === "failed" && totals.lastError !== null ? failureOf(totals.lastError) : {};
  const { runs, pages, account } = totals;
  return {
    source,
    stream,
    runs,
    status,
    partitions: { total, due, failing },
    pages,
    ...account,
    durationMs,
    ...failure,
  };
}

function failureOf({ code, message }: NonNullable<RunTotals["lastError"]>) {
  return { errorCode: code, errorMessage: message };
}

export function describeChildren(ended: ChildRuns): string {
  const { source, stream, totals, partitions, durationMs } = ended;
  const { inserted, updated, unchanged, duplicate, filtered, deadLettered, fetched } = totals.account;
  const outcomes = `${inserted} inserted, ${updated} updated, ${unchanged} unchanged, ${duplicate} duplicate, ${filtered} filtered, ${deadLettered} dead-lettered`;
  const head = `${source}.${stream}: ${statusOf(ended)} in ${(durationMs / 1_000).toFixed(1)} s, ${totals.runs} runs over ${partitions.total} partitions, ${totals.pages} pages, ${fetched} records fetched: ${outcomes}`;
  const { lastError } = totals;
  if (partitions.failing === 0 || lastError === null) return head;
  return `${head}
  ${partitions.failing} partitions failed and are tried again later; the last error: ${lastError.code}: ${lastError.message}
  what to do: ${errorCodes[lastError.code].remedy}
  see them: penstock dead-letters list --stream ${source}.${stream}`;
}
