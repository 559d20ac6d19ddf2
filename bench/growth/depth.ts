import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { openQueueBackend, type QueueBackend } from "@penstock/queues/backend";
import { transformQueue } from "@penstock/queues/catalog";
import { createQueues } from "@penstock/queues/create-queues";
import type { Queues } from "@penstock/queues/queues";
import { transformJob } from "@penstock/queues/sample-jobs";
import { startWorker } from "@penstock/queues/worker";
import { createPlace, type Servers } from "../place.ts";
import { usageOf } from "../usage.ts";
import type { Growing, GrowthOptions, Point } from "./measure.ts";
import { small } from "./pull.ts";
import { type Reading, serverCpuMs, watch } from "./reading.ts";

const sizes = [0, 1_000, 10_000, 100_000];
/** As a transformer has them. */
const concurrency = 4;
const zstd = randomBytes(750).toString("base64");
const questions = 5;

export const depth: Growing = {
  heading: "Jobs that wait",
  words: `So many jobs with 1 kB of page wait in the transform queue while a worker takes them, four at a time, and for each that it takes puts another
behind. Processor time is that of the worker's process and of the queue's server. A question: which runs have jobs left, for which the scheduler
reads the ids of all jobs, every two seconds while there are live runs. Its depth: what fetchers ask before they go on. They hold back at 256 pages
(\`PENSTOCK_BACKLOG_HIGH\`), so the larger depths are those of an installation that waives that.`,
  columns: {
    series: "queue",
    at: "waiting",
    figures: { perSecond: "jobs/s", cpuPerJob: "CPU ms a job", questionMs: "a question, ms", depthMs: "its depth, ms" },
  },
  chart: {
    title: "By the jobs that wait in the queue",
    at: "jobs waiting",
    panels: [
      { label: "jobs a second", lines: { "": "perSecond" } },
      { label: "processor time, ms a job", lines: { "": "cpuPerJob" } },
    ],
  },
  measure: async (options, servers) => [
    ...(await measureQueue("Redis", options, servers)),
    ...(await measureQueue("Postgres", options, servers)),
  ],
};

async function measureQueue(
  series: "Redis" | "Postgres",
  { seconds, most }: GrowthOptions,
  servers: Servers,
): Promise<Point[]> {
  await using own = new AsyncDisposableStack();
  const { redisUrl, queueUrl } = await createPlace(small, servers, "", own);
  const isRedis = series === "Redis";
  const settings = isRedis
    ? ({ kind: "redis", url: redisUrl } as const)
    : ({ kind: "postgres", url: queueUrl } as const);
  const backend = own.adopt(await openQueueBackend(settings), (opened) => opened.close());
  const queues = createQueues(backend, { sources: ["items"], timeoutMs: 60_000 });
  const add = adder(queues);
  const server = isRedis ? servers.redis : servers.postgres;
  const points: Point[] = [];
  let waiting = -concurrency;
  for (const at of sizes.filter((size) => size <= most)) {
    await add(at - waiting);
    waiting = at;
    const figures = { ...(await measureWork({ backend, add, server }, seconds)), ...(await measureQuestions(queues)) };
    points.push({ series, at, figures });
  }
  return points;
}

/** Puts so many jobs behind all others. */
function adder(queues: Queues): (count: number) => Promise<void> {
  const atOnce = 500;
  let next = 0;
  return async (count) => {
    for (let left = count; left > 0; left -= atOnce) {
      const length = Math.min(left, atOnce);
      await queues.enqueue(Array.from({ length }, () => transformJob("items", { seq: next++, zstd })));
    }
  };
}

type Work = { backend: QueueBackend; add: (count: number) => Promise<void>; server: Servers["redis"] };

async function measureWork({ backend, add, server }: Work, seconds: number): Promise<Record<string, number>> {
  let done = 0;
  const handle = async () => {
    await add(1);
    done++;
  };
  const worker = startWorker(backend, {
    queue: transformQueue,
    handlers: { transform: { handle, settle: async (_, error) => Promise.reject(error) } },
    options: { concurrency, attempts: 1, backoff: { initialMs: 1_000, maxMs: 1_000 } },
  });
  const read = async (): Promise<Reading> => {
    const own = 1_000 * (await usageOf("self")).cpuSeconds;
    return { atMs: performance.now(), done, cpuMs: { own, server: await serverCpuMs(server) } };
  };
  try {
    await delay(2_000);
    const change = await watch(read, seconds);
    return { perSecond: change.done / change.seconds, cpuPerJob: change.totalCpuMs / change.done };
  } finally {
    await worker.stop(10_000);
  }
}

async function measureQuestions(queues: Queues): Promise<Record<string, number>> {
  const timed = async (ask: () => Promise<unknown>) => {
    const startedAt = performance.now();
    for (let i = 0; i < questions; i++) await ask();
    return (performance.now() - startedAt) / questions;
  };
  return {
    questionMs: await timed(() => queues.runsWithJobs([{ source: "items", runId: "none" }])),
    depthMs: await timed(() => queues.transformBacklog()),
  };
}
