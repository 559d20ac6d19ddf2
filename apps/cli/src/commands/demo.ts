import { join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Config, sourcesFolder } from "@penstock/config/config";
import { InfrastructureError } from "@penstock/core/errors";
import type { Run } from "@penstock/core/run";
import type { PipelineContext } from "@penstock/pipeline/context";
import { exitCodes } from "@penstock/runtime/failure";
import { openRuntime } from "@penstock/runtime/open-runtime";
import { startUsgsReplay, type UsgsReplay } from "@penstock/testing/simulators/usgs-replay";
import { startAllInOne } from "../all-in-one.ts";
import { createLiveView, type LiveView } from "../demo/live-view.ts";
import { reportDemo } from "../demo/report.ts";
import { summarize } from "../demo/summary.ts";
import type { CommandContext } from "../program.ts";

const stream = { source: "usgs", stream: "earthquakes" };
const lookEveryMs = 100;
const startTimeoutMs = 15_000;

/**
 * `penstock demo`: the whole pipeline on the embedded backends, fed by a local replay of the USGS API with real events
 * and a few faults. A full run each time, in a data folder of its own.
 */
export async function demo(command: CommandContext, options: { json?: boolean }): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const replay = stack.adopt(await startUsgsReplay({ faults: "demo" }), (opened) => opened.close());
  const config = demoConfig(command.config, replay);
  if (options.json !== true) command.out.write("Starting the embedded database and queue …\n");
  const runtime = await openRuntime({
    app: "cli",
    config,
    logger: command.logger,
    stack,
    only: [stream.source],
    isOnDemand: true,
  });
  await startAllInOne(runtime, stack);
  if (options.json !== true)
    command.out.write(`${replay.total} records of the USGS earthquake API, replayed at ${replay.url}\n`);
  const view = options.json === true ? undefined : createLiveView(command.out);
  const run = await ingest(runtime.context, replay, view, command.signal);
  const database = shortPath(databasePath(config));
  const summary = await summarize(runtime.context.store, run, { ...replay.faultsSent(), database });
  const letters = await runtime.context.store.listLetters({ ...stream, status: "open", limit: 20 });
  const isColored = command.out.isTTY === true;
  command.out.write(
    options.json === true ? `${JSON.stringify(summary)}\n` : `\n${reportDemo(summary, letters, isColored)}\n`,
  );
  return run.status === "succeeded" ? exitCodes.ok : exitCodes.failed;
}

/** The sources as they come with the program, and of what is configured for them nothing: the demo is the same everywhere. */
function demoConfig(config: Config, replay: UsgsReplay): Config {
  const dataDir = join(config.dataDir, "demo");
  const database = { url: `file:${join(dataDir, "penstock.db")}` };
  return {
    ...config,
    dataDir,
    sourcesDir: sourcesFolder(undefined, process.cwd()),
    database,
    queue: { kind: "embedded", dataDir },
    checkpointFile: undefined,
    env: { USGS_BASE_URL: replay.url },
  };
}

function databasePath(config: Config): string {
  return config.database.url.slice("file:".length);
}

/** Relative where it lies below the current folder, else as it is. */
function shortPath(path: string): string {
  const below = relative(process.cwd(), path);
  return below.startsWith("..") ? path : below;
}

/** Has the scheduler start a full run, as it would for a schedule that is due, and watches it to its end. */
async function ingest(
  context: PipelineContext,
  replay: UsgsReplay,
  view: LiveView | undefined,
  signal: AbortSignal,
): Promise<Run> {
  const [before] = await context.store.listRuns({ ...stream, limit: 1 });
  if (before?.status === "running") {
    // Left by a demo that was killed; its replay is gone, so nothing can go on from its position.
    await context.store.endRun(before.runId, {
      status: "cancelled",
      code: "CANCELLED",
      message: "the demo was started again",
    });
  }
  await context.queues.enqueue([{ type: "tick", jobId: `demo_${Date.now()}`, payload: { ...stream, mode: "full" } }]);
  let run = await startedAfter(context, before?.runId, signal);
  while (run.status === "running") {
    view?.show({ run, total: replay.total, depths: await context.queues.depths(), ...replay.faultsSent() });
    await delay(lookEveryMs, undefined, { signal });
    run = (await context.store.readRun(run.runId))?.run ?? run;
  }
  view?.show({ run, total: replay.total, depths: await context.queues.depths(), ...replay.faultsSent() });
  view?.done();
  return run;
}

async function startedAfter(context: PipelineContext, previous: string | undefined, signal: AbortSignal): Promise<Run> {
  for (
    const deadline = Date.now() + startTimeoutMs;
    Date.now() < deadline;
    await delay(lookEveryMs, undefined, { signal })
  ) {
    const [newest] = await context.store.listRuns({ ...stream, limit: 1 });
    if (newest !== undefined && newest.runId !== previous) return newest;
  }
  throw new InfrastructureError("QUEUE_UNAVAILABLE", `the scheduler started no run within ${startTimeoutMs / 1_000} s`);
}
