import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { openQueueBackend } from "@penstock/queues/backend";
import { createQueues } from "@penstock/queues/create-queues";
import { waitUntil } from "@penstock/testing/wait-until";
import { type Servers, startApi } from "../place.ts";
import { environmentOf } from "../start-penstock.ts";
import { spread } from "../summary.ts";
import type { Growing, GrowthOptions, Point } from "./measure.ts";
import { type Pull, type PullOptions, small, startPull, watchPull } from "./pull.ts";
import { type Change, changeBetween, watch } from "./reading.ts";

const run = promisify(execFile);
const cli = join(import.meta.dirname, "../../apps/cli/src/main.ts");
const sizes = [1, 10, 100, 1_000];
/** In turns where there are fewer streams, since processor time comes in hundredths of a second. */
const dueRuns = 100;

export const streams: Growing = {
  heading: "Streams",
  words: `Streams of one source on Postgres + Redis that all answer at once, pages of 100 records of 0.2 kB. All live: each has a run that goes on and on. Due
at once: each has been read to its end and gets a tick, for a run that finds nothing new. Nothing due: what the scheduler, the workers and both
servers take while nobody asks anything of them. Processor time is that of all processes, servers with theirs.`,
  columns: {
    at: "streams",
    figures: {
      perSecond: "all live: records/s",
      perPage: "CPU ms a page",
      scheduler: "of it scheduler",
      perRun: "due at once: CPU ms a run",
      runMs: "ms a run",
      idle: "nothing due: CPU ms a second",
      statusSeconds: "`penstock status`, s",
    },
  },
  chart: {
    title: "By the number of streams",
    at: "streams",
    panels: [
      { label: "processor time, ms", lines: { "a page of 100": "perPage", "a run that finds nothing": "perRun" } },
      { label: "nothing due: processor time, ms a second", lines: { "": "idle" } },
    ],
  },
  measure: measureStreams,
};

async function measureStreams({ seconds, most }: GrowthOptions, servers: Servers): Promise<Point[]> {
  await using own = new AsyncDisposableStack();
  const api = await startApi(small, own);
  const points: Point[] = [];
  for (const at of sizes.filter((size) => size <= most)) {
    const options = { servers, api, records: small.records, streams: at };
    const live = await watchPull(options, seconds);
    const figures = {
      ...liveFigures(live),
      ...(await measureResting({ ...options, records: small.pageSize }, seconds)),
    };
    points.push({ series: "", at, figures });
  }
  return points;
}

const liveFigures = ({ done, seconds, cpuMs, totalCpuMs }: Change) => ({
  perSecond: (done * small.pageSize) / seconds,
  perPage: totalCpuMs / done,
  scheduler: (cpuMs["scheduler"] ?? 0) / done,
});

/** Streams that have been read to their ends. */
async function measureResting(options: PullOptions, seconds: number): Promise<Record<string, number>> {
  await using own = new AsyncDisposableStack();
  const pull = await startPull(options, own);
  await endOf(options.streams, pull);
  await delay(2_000);
  // What the scheduler does every fifteen seconds is in there.
  const idle = await pull.running.whileAlive(watch(pull.read, 2 * seconds));
  const due = await measureDue(options.streams, pull);
  return {
    perRun: due.totalCpuMs / due.done,
    runMs: (1_000 * due.seconds) / due.done,
    idle: idle.totalCpuMs / idle.seconds,
    statusSeconds: await measureStatus(pull),
  };
}

/** All of them due at once, until there were enough runs; what was done is runs. */
async function measureDue(count: number, pull: Pull): Promise<Change> {
  const backend = await openQueueBackend({ kind: "redis", url: pull.place.redisUrl });
  try {
    const queues = createQueues(backend, { sources: "all" });
    const rounds = Math.ceil(dueRuns / count);
    const before = await pull.read();
    for (let round = 1; round <= rounds; round++) {
      const ticks = Array.from({ length: count }, (_, stream) => tickOf(stream, round));
      await queues.enqueue(ticks);
      await endOf(count * (round + 1), pull);
    }
    return { ...changeBetween(before, await pull.read()), done: rounds * count };
  } finally {
    await backend.close();
  }
}

function tickOf(stream: number, round: number) {
  const payload = { source: "grown", stream: `s${stream}`, mode: "incremental" } as const;
  return { type: "tick", jobId: `tick_${stream}_${round}`, payload } as const;
}

async function endOf(runs: number, pull: Pull): Promise<void> {
  const isEnded = async () => (await pull.ask("SELECT count(*) FROM runs WHERE status = 'succeeded'")) >= runs;
  const patience = { what: `the end of ${runs} runs`, timeoutMs: 600_000, intervalMs: 50 };
  await pull.running.whileAlive(waitUntil(isEnded, patience));
}

/** From the start of the process to its end. */
async function measureStatus({ place, env }: Pull): Promise<number> {
  const seconds: number[] = [];
  for (let i = 0; i < 3; i++) {
    const startedAt = performance.now();
    const all = { ...process.env, ...environmentOf(small.backend, place), ...env, API_BASE_URL: place.apiUrl };
    await run(process.execPath, [cli, "status"], { env: all, maxBuffer: 2 ** 26 });
    seconds.push((performance.now() - startedAt) / 1_000);
  }
  return spread(seconds).median;
}
