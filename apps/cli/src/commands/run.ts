import { setTimeout as delay } from "node:timers/promises";
import { errorCodes } from "@penstock/core/error-codes";
import { ConfigError, InfrastructureError } from "@penstock/core/errors";
import { livePartition, type Run, type RunStatus } from "@penstock/core/run";
import { startFetcher } from "@penstock/fetcher/start-fetcher";
import type { PipelineContext } from "@penstock/pipeline/context";
import { settleDeletions } from "@penstock/pipeline/settle-deletions";
import { startRun } from "@penstock/pipeline/start-run";
import { mirrorLetters } from "@penstock/pipeline/sweep";
import { waitForRun } from "@penstock/pipeline/wait-for-run";
import { exitCodes } from "@penstock/runtime/failure";
import { openRuntime } from "@penstock/runtime/open-runtime";
import { startUpkeep } from "@penstock/runtime/upkeep";
import { loadUsableSources } from "@penstock/runtime/usable-sources";
import type { Deletion, Store } from "@penstock/store/store";
import { startTransformer } from "@penstock/transformer/start-transformer";
import { authorOf } from "../author.ts";
import { tellHolds } from "../holds.ts";
import type { CommandContext } from "../program.ts";
import { resolveTarget, type Target } from "../target.ts";
import { describeDeletion } from "./deletions.ts";
import { type Asked, describeChildren, runChildren, statusOf, summaryOfChildren } from "./run-children.ts";

/** How long a live run that somebody else started may show no progress before this command takes it over. */
const signOfLifeMs = 2_000;

export type RunOptions = { json?: boolean; full?: boolean; reason?: string };

/**
 * `penstock run`: one run of each named stream, drained by workers in this process; of a child stream, behind its parent, runs of
 * all due partitions. 0 only if all succeeded.
 */
export async function run(
  { config, logger, out, err, signal }: CommandContext,
  target: string,
  options: RunOptions,
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const targets = resolveTarget(await loadUsableSources(config), target);
  const runtime = await openRuntime({ app: "cli", config, logger, stack, hasShortLocks: true });
  await refusePaused(runtime.context.store, targets);
  await startTransformer(runtime, stack);
  await startFetcher(
    runtime,
    stack,
    targets.map(({ source }) => source.name),
  );
  startUpkeep(runtime.context, stack);
  stack.use(
    tellHolds(
      runtime.context,
      targets.map(({ source }) => source.name),
      err,
    ),
  );
  const asked: Asked = { mode: options.full === true ? "full" : "incremental", author: authorOf(options) };
  let exitCode: number = exitCodes.ok;
  for (const each of targets) {
    const { status, summary, text } = await runTarget(runtime.context, each, asked, signal);
    out.write(`${options.json === true ? JSON.stringify(summary) : text}\n`);
    if (status !== "succeeded") exitCode = exitCodes.failed;
  }
  await mirrorIfPossible(runtime.context);
  return exitCode;
}

/** Such a run would wait until somebody resumes the stream. */
async function refusePaused(store: Store, targets: Target[]): Promise<void> {
  for (const { source, stream } of targets) {
    const checkpoint = await store.checkpoint(source.name, stream.name, livePartition);
    if (checkpoint?.isPaused !== true) continue;
    const place = { source: source.name, stream: stream.name };
    throw new ConfigError("STREAM_PAUSED", `${source.name}.${stream.name} is paused`, place);
  }
}

type Ended = { status: RunStatus; summary: Record<string, unknown>; text: string };

async function runTarget(context: PipelineContext, target: Target, asked: Asked, signal: AbortSignal): Promise<Ended> {
  const { parent } = target.stream;
  if (parent === undefined) {
    const ended = await runToEnd(context, target, asked, signal);
    const deletion = await deletionOf(context, target, ended);
    if (deletion === undefined) return { status: ended.status, summary: summaryOf(ended), text: describeRun(ended) };
    const text = `${describeRun(ended)}\n${describeDeletion(deletion)}`;
    return { status: ended.status, summary: { ...summaryOf(ended), deletions: deletion }, text };
  }
  const ended = await runChildren(context, { ...target, parent }, asked, signal);
  return { status: statusOf(ended), summary: summaryOfChildren(ended), text: describeChildren(ended) };
}

/** What a full run found gone, once that is settled as far as it can be. */
async function deletionOf(context: PipelineContext, { stream }: Target, run: Run): Promise<Deletion | undefined> {
  if (stream.deletions === undefined || run.status !== "succeeded" || run.boundAtStart !== null) return undefined;
  await settleDeletions(context);
  return context.store.readDeletion(run.runId);
}

/** The letters are in the database; that the queue shows them too is worth no failure of a run that has ended. */
async function mirrorIfPossible(context: PipelineContext): Promise<void> {
  try {
    await mirrorLetters(context);
  } catch (error) {
    if (!(error instanceof InfrastructureError)) throw error;
    context.logger.warn({ code: error.code }, "dead letters are not mirrored to the queue");
  }
}

async function runToEnd(
  context: PipelineContext,
  { source, stream }: Target,
  asked: Asked,
  signal: AbortSignal,
): Promise<Run> {
  const request = { source: source.name, stream: stream.name, ...asked };
  let { run: current, isNew } = await startRun(context, request);
  if (!isNew && !(await showsLife(context, current, signal))) {
    current = (await startRun(context, { ...request, takeOver: { runId: current.runId } })).run;
  }
  for (;;) {
    const ended = await waitForRun(context.store, current.runId, signal);
    const [successor] = ended.status === "superseded" ? await context.store.liveRuns(request) : [];
    if (successor === undefined) return ended;
    current = successor;
  }
}

async function showsLife(context: PipelineContext, run: Run, signal: AbortSignal): Promise<boolean> {
  for (const deadline = Date.now() + signOfLifeMs; Date.now() < deadline; await delay(100, undefined, { signal })) {
    const state = await context.store.readRun(run.runId);
    if (state === undefined || state.run.status !== "running" || state.run.pages > run.pages) return true;
  }
  return false;
}

/** What `--json` prints: one line per run, `fetched` being the sum of the six outcomes. */
export function summaryOf(run: Run): Record<string, unknown> {
  const durationMs = (run.endedAt?.getTime() ?? Date.now()) - run.startedAt.getTime();
  const { source, stream, runId, status, pages, account, errorCode, errorMessage } = run;
  const failure = errorCode === null ? {} : { errorCode, errorMessage };
  return { source, stream, run: runId, status, pages, ...account, durationMs, ...failure };
}

function describeRun(run: Run): string {
  const { account } = run;
  const seconds = ((run.endedAt?.getTime() ?? Date.now()) - run.startedAt.getTime()) / 1_000;
  const outcomes = `${account.inserted} inserted, ${account.updated} updated, ${account.unchanged} unchanged, ${account.duplicate} duplicate, ${account.filtered} filtered, ${account.deadLettered} dead-lettered`;
  const head = `${run.source}.${run.stream}: ${run.status} in ${seconds.toFixed(1)} s, ${run.pages} pages, ${account.fetched} records fetched: ${outcomes}`;
  const letters =
    account.deadLettered > 0 ? `\n  see them: penstock dead-letters list --stream ${run.source}.${run.stream}` : "";
  const failure =
    run.errorCode === null
      ? ""
      : `\n  error ${run.errorCode}: ${run.errorMessage}\n  what to do: ${errorCodes[run.errorCode].remedy}`;
  return head + letters + failure;
}
