import { setImmediate as turn } from "node:timers/promises";
import { withoutFailures } from "@penstock/core/failure-points";
import type { JobPayloads } from "@penstock/queues/catalog";
import type { NewJob } from "@penstock/queues/queues";
import { defineSource, defineStream } from "@penstock/source/define-source";
import type { FetchedPage, PageFetcher } from "@penstock/source/fetch-page";
import type { Source } from "@penstock/source/model";
import type { Store } from "@penstock/store/store";
import { createLogger } from "@penstock/telemetry/logger";
import { createMetrics } from "@penstock/telemetry/metrics";
import { createTraces } from "@penstock/telemetry/traces";
import { z } from "zod";
import type { FetchContext } from "../context.ts";
import { fetchPage } from "../fetch.ts";
import { createManualQueues } from "../manual-queues.ts";
import { createPageTransformer } from "../page-transformer.ts";
import { startRun } from "../start-run.ts";
import { transformPage } from "../transform.ts";
import { createWatchdog } from "../watchdog.ts";
import type { Protocol } from "./commit.ts";
import { type Answer, type Order, type State, type TransformJob, tokenOf, type Work } from "./state.ts";
import type { Action, Step } from "./steps.ts";

/*
 * Plays a history of the model on the program itself – its fetch, transform, watchdog and store on a real database – and reads
 * back from the database what the model has as its state. The model says who does what when, and what the API answers.
 */

const hourMs = 3_600_000;
const base = Date.UTC(2026, 0, 1);
/** The model's clock of the database, in milliseconds, after all times of the API, which would not be plausible else. */
const observedInstant = (clock: number) => new Date(base + 365 * 24 * hourMs + clock);
/** The model's clock of the API, in hours. */
const apiInstant = (at: number) => new Date(base + at * hourMs).toISOString();
const stream = "items";

export type Seen = { bound: number; runs: [string, number, number][]; values: (number | null)[] };
export type Replay = { play(step: Step, before: State): Promise<void>; see(): Promise<Seen> };

/** What the model has of that which {@link Replay.see} reads. */
export function expected({ bound, runs, table }: State): Seen {
  return {
    bound,
    runs: runs.map(({ status, prefix, counted }) => [status, prefix.seq, counted]),
    values: table.map((row) => row?.value ?? null),
  };
}

type Held = { job: NewJob; answer: (page: FetchedPage) => void; ended: Promise<unknown> };

/** `name`: a source of its own for each history, so that many share a database. */
export function createReplay(store: Store, name: string, { order, isDeduplicated }: Protocol): Replay {
  const queues = createManualQueues();
  const active = new Set<NewJob>();
  const known = new Set<string>();
  let saved: { jobs: NewJob[]; known: string[] } = { jobs: [], known: [] };
  const held: (Held | undefined)[] = [];
  let dbClock = 0;
  let asked: ((answer: (page: FetchedPage) => void) => void) | undefined;

  const source = sourceOf(name, order);
  const fetcher: PageFetcher = {
    fetch: () => new Promise((answer) => asked?.(answer)),
    close: async () => {},
  };
  const sources = new Map([[name, source]]);
  const context: FetchContext = {
    store: {
      ...store,
      readRun: async (runId) => {
        const state = await store.readRun(runId);
        return state && { ...state, now: observedInstant(dbClock) };
      },
    },
    queues: {
      ...queues,
      enqueue: async (jobs) => {
        const isNew = ({ jobId }: NewJob) => !known.has(jobId) && !queues.jobs.some((other) => other.jobId === jobId);
        await queues.enqueue(isDeduplicated ? jobs.filter(isNew) : jobs);
      },
    },
    sources,
    transformer: createPageTransformer(sources),
    fetchers: new Map([[name, fetcher]]),
    logger: createLogger({ app: "replay", level: "silent", format: "json" }),
    metrics: createMetrics(),
    traces: createTraces(),
    settings: { backlogHigh: 100 },
    isHeldBack: async () => false,
    reach: withoutFailures,
  };
  const watchdog = createWatchdog(context, { suspicionMs: 0, now: () => 0 });

  async function take(worker: number, token: string, next: State): Promise<void> {
    const work = next.workers[worker];
    if (work == null) throw new Error(`worker ${worker} took nothing`);
    const job = queues.jobs.find((each) => !active.has(each) && isSame(each, work));
    if (job === undefined) throw new Error(`no job ${token} waits: ${queues.jobs.map(({ jobId }) => jobId).join()}`);
    active.add(job);
    dbClock = next.dbClock;
    held[worker] = job.type === "fetch" ? await begin(job) : { job, answer: () => {}, ended: Promise.resolve() };
  }

  /** Until the request is sent, or the job is over without one. */
  async function begin(job: Extract<NewJob, { type: "fetch" }>): Promise<Held> {
    const requested = new Promise<(page: FetchedPage) => void>((resolve) => {
      asked = resolve;
    });
    const signal = new AbortController().signal;
    const ended = fetchPage(context, job.payload, { jobId: job.jobId, attempt: 1, maxAttempts: 3, stalls: 0, signal });
    const answer = await Promise.race([requested, ended.then(() => () => {})]);
    return { job, answer, ended };
  }

  async function proceed(worker: number, work: Work): Promise<void> {
    const mine = held[worker];
    if (mine === undefined) throw new Error(`worker ${worker} has nothing to go on with`);
    if (work.phase === "fetch answered") {
      mine.answer(pageOf(work.answer, work.takenAt));
      await mine.ended;
    } else if (mine.job.type === "transform" && work.phase === "transform taken") {
      await transformPage(context, mine.job.payload);
    } else if (work.hasLock) {
      active.delete(mine.job);
      queues.jobs.splice(queues.jobs.indexOf(mine.job), 1);
      known.add(mine.job.jobId);
    }
  }

  function release(worker: number): void {
    const mine = held[worker];
    if (mine !== undefined) active.delete(mine.job);
  }

  function restore(to: { jobs: NewJob[]; known: string[] }): void {
    queues.lose();
    active.clear();
    known.clear();
    queues.jobs.push(...to.jobs);
    for (const id of to.known) known.add(id);
  }

  async function act(action: Action, before: State, next: State): Promise<void> {
    const work = "worker" in action ? before.workers[action.worker] : undefined;
    if (action.do === "take") await take(action.worker, action.token, next);
    if (action.do === "proceed" && work != null) await proceed(action.worker, work);
    if ((action.do === "crash" || action.do === "lose lock") && work?.hasLock === true) release(action.worker);
    if (action.do === "tick") await startRun(context, { source: name, stream });
    if (action.do === "take over") for (const _look of [1, 2]) await watchdog.look();
    if (action.do === "lose queue") restore({ jobs: [], known: [] });
    if (action.do === "save queue") saved = { jobs: queues.jobs.map((job) => ({ ...job })), known: [...known] };
    if (action.do === "roll back queue") restore(saved);
    await turn();
  }

  return {
    play: ({ action, next }, before) => act(action, before, next),
    see: () => read(store, name),
  };
}

function sourceOf(name: string, order: Order): Source {
  const definition = defineSource({
    name,
    baseUrl: "http://replay.invalid",
    streams: {
      [stream]: defineStream({
        path: "/",
        schema: z.object({ id: z.string(), at: z.iso.datetime(), value: z.number() }),
        key: "id",
        cursor: { field: "at" },
        order,
        paginator: {
          kind: "replay",
          start: (bound) => {
            const since = boundOf(bound);
            return { since, after: order === "asc" ? since : -1 };
          },
          request: () => ({}),
          next: () => ({ kind: "end" }),
        },
      }),
    },
  });
  const configured = definition.configure({});
  if (!configured.isConfigured) throw new Error(configured.problems.join());
  return configured.source;
}

const boundOf = (bound: string | null): number =>
  bound === null ? 0 : Math.floor((Date.parse(bound) - base) / hourMs);

/** The API's clock stands between two of the model's times, so that the time a request takes here does not matter. */
function pageOf({ items, next }: Answer, takenAt: number): FetchedPage {
  const made = items.map(({ id, at, value }) => ({ id: `${id}`, at: apiInstant(at), value }));
  return {
    items: made,
    cursors: made.map(({ at }) => at),
    next: next === null ? { kind: "end" } : { kind: "next", position: next },
    apiDate: new Date(base + (takenAt + 0.5) * hourMs),
    rateLimit: undefined,
    isNotModified: false,
    validator: undefined,
    request: { method: "GET", url: "http://replay.invalid" },
    status: 200,
    sizeBytes: 0,
    durationMs: 0,
  };
}

function isSame(job: NewJob, { job: model }: Work): boolean {
  if (job.type === "fetch" && model.kind === "fetch") {
    const { since, after } = model.position;
    const { fence, seq, position } = job.payload;
    return fence === model.run + 1 && seq === model.seq && position["since"] === since && position["after"] === after;
  }
  return job.type === "transform" && model.kind === "transform" && isSameTransform(job.payload, model);
}

/** No two requests were observed at the same time. */
function isSameTransform(payload: JobPayloads["transform"], model: TransformJob): boolean {
  return payload.observedAt === observedInstant(model.observed).toISOString() && tokenOf(model).startsWith("T_");
}

async function read(store: Store, source: string): Promise<Seen> {
  const checkpoint = await store.checkpoint(source, stream, "live");
  const runs = await store.listRuns({ source, stream, limit: 100 });
  const rows = await store.queryView(`SELECT key, data FROM records WHERE source = '${source}'`);
  const row = z.object({ value: z.number() });
  const values = new Map(
    rows.map(({ key, data }) => [String(key), row.parse(typeof data === "string" ? JSON.parse(data) : data).value]),
  );
  return {
    bound: boundOf(checkpoint?.bound ?? null),
    runs: runs
      .sort((a, b) => a.fence - b.fence)
      .map(({ status, committedSeq, account }) => [status, committedSeq, account.fetched]),
    values: ["0", "1", "2"].map((key) => values.get(key) ?? null),
  };
}
