import { setTimeout as delay } from "node:timers/promises";
import { InfrastructureError } from "@penstock/core/errors";
import type { NewJob } from "@penstock/queues/queues";
import { openStore } from "@penstock/store/open-store";
import type { Store } from "@penstock/store/store";
import { createLogger, type Logger } from "@penstock/telemetry/logger";
import { rememberRedis } from "@penstock/testing/redis-rollback";
import { type Fault as ApiFault, type ExternalApi, startExternalApi } from "@penstock/testing/simulators/external-api";
import { chaosRecords } from "./api.ts";
import { type ChaosProcess, startChaosProcess } from "./chaos-process.ts";
import { alwaysWrong } from "./invariants.ts";
import { createRandom, type Random } from "./random.ts";
import { recover } from "./recover.ts";
import type { Fault, Schedule } from "./schedule.ts";
import { type Installation, install, migrationsRoot, type Servers } from "./servers.ts";

const lookEveryMs = 250;

/** A schedule being played. */
type Stage = {
  schedule: Schedule;
  servers: Servers;
  api: ExternalApi;
  store: Store;
  installation: Installation;
  random: Random;
  logger: Logger;
  /** By number; one that died is replaced. */
  processes: ChaosProcess[];
  all: ChaosProcess[];
  /** Restarts, healings: what must be over before the end is waited for. */
  pending: Set<Promise<unknown>>;
  isOver: boolean;
};

export type Played = { problems: string[]; release: () => Promise<void> };

/** Plays a schedule and says what was wrong with what it left behind. `release` ends what is left of its processes. */
export async function play(schedule: Schedule, servers: Servers): Promise<Played> {
  const stack = new AsyncDisposableStack();
  const stage = await setStage(schedule, servers, stack);
  const problems: string[] = [];
  const watching = watch(stage, problems);
  await Promise.all(schedule.processes.map((_, number) => startNumber(stage, number)));
  const later = appear(stage);
  await Promise.all([later, ...schedule.faults.map((fault) => happen(stage, fault))]);
  await settled(stage);
  problems.push(...(await recover(stage)));
  stage.isOver = true;
  await watching;
  return {
    problems,
    release: async () => {
      // One that died while the end was waited for may be on its way back: it would be ended by nobody.
      await settled(stage);
      await Promise.all(stage.all.map((each) => each.end()));
      await stack.disposeAsync();
    },
  };
}

async function setStage(schedule: Schedule, servers: Servers, stack: AsyncDisposableStack): Promise<Stage> {
  const { seed, records } = schedule;
  const random = createRandom(seed + 1_000_000);
  const installation = await install({ ...schedule, redisNumber: seed % 4_096 }, servers, stack);
  const { url } = installation.database;
  const store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
  const stage = { isOver: false };
  const api = stack.adopt(
    await startExternalApi({
      records: chaosRecords({ count: records.atFirst, isBad: (number) => number % records.badOneIn === 3 }),
      fault: () => (stage.isOver ? undefined : apiFault(schedule, random)),
    }),
    (started) => started.close(),
  );
  const logger = createLogger({ app: `seed-${seed}`, level: "silent", format: "json" });
  return Object.assign(stage, {
    schedule,
    servers,
    api,
    store,
    installation,
    random,
    logger,
    processes: [],
    all: [],
    pending: new Set<Promise<unknown>>(),
  });
}

function apiFault({ apiFaults }: Schedule, random: Random): ApiFault | undefined {
  if (random.chance(apiFaults.unavailable)) return { status: 503 };
  if (random.chance(apiFaults.throttled)) return { status: 429, headers: { "retry-after": "0" } };
  if (random.chance(apiFaults.notJson)) return { status: 200, body: '{"items": [' };
  return undefined;
}

/** Starts a process in its place; a first one as its failures are planned, one that replaces the dead without. */
async function startNumber(stage: Stage, number: number, isFirst = true): Promise<void> {
  const { schedule, installation, api, random, logger } = stage;
  let isGone = false;
  const started = await startChaosProcess({
    databaseUrl: installation.database.url,
    queue: installation.queue,
    apiUrl: api.url,
    pageSize: schedule.pageSize,
    isDeduplicated: schedule.isDeduplicated,
    hasScheduler: number === 0,
    failures: isFirst ? (schedule.processes[number]?.failures ?? []) : [],
    disturb: (jobs) => disturb(jobs, schedule, random),
    logger,
    onDeath: () => {
      isGone = true;
      if (!stage.isOver)
        remember(
          stage,
          delay(random.between(50, 500)).then(() => startNumber(stage, number, false)),
        );
    },
  });
  stage.all.push(started);
  if (!isGone) stage.processes[number] = started;
}

function remember(stage: Stage, work: Promise<unknown>): void {
  const tracked = work.finally(() => stage.pending.delete(tracked));
  stage.pending.add(tracked);
}

async function settled({ pending }: Stage): Promise<void> {
  while (pending.size > 0) await Promise.all(pending);
}

function disturb(jobs: NewJob[], { jobs: odds }: Schedule, random: Random): NewJob[] {
  const late = jobs.map((job) => (random.chance(odds.delayed) ? { ...job, delayMs: random.between(1, 400) } : job));
  const again = jobs.filter(() => random.chance(odds.duplicated));
  return [...late, ...again.map((job) => ({ ...job, jobId: `${job.jobId}_again`, delayMs: random.between(1, 800) }))];
}

async function appear({ schedule, api }: Stage): Promise<void> {
  const { atFirst, later, laterAtMs, badOneIn } = schedule.records;
  await delay(laterAtMs);
  api.add(chaosRecords({ from: atFirst, count: later, isBad: (number) => number % badOneIn === 3 }));
}

async function happen(stage: Stage, fault: Fault): Promise<void> {
  await delay(fault.atMs);
  const { installation, servers } = stage;
  const { redis, postgres } = servers;
  switch (fault.kind) {
    case "kill-process":
      return stage.processes[fault.process]?.kill();
    case "part-process": {
      // One that takes its place meanwhile has proxies of its own; those of the dead stay cut.
      const process = stage.processes[fault.process];
      if (process === undefined || process.isDead()) return;
      const proxy = process.proxyOf(fault.from);
      proxy?.cut();
      await delay(fault.forMs);
      if (!process.isDead()) proxy?.restore();
      return;
    }
    case "reset-process":
      return stage.processes[fault.process]?.proxyOf(fault.from)?.reset();
    case "slow-process": {
      const proxy = stage.processes[fault.process]?.proxyOf(fault.from);
      proxy?.slowDown(fault.delayMs);
      await delay(fault.forMs);
      proxy?.slowDown(0);
      return;
    }
    case "kill-redis":
      return alone(redis.url, () =>
        bounce(
          () => redis.kill(),
          fault.downMs,
          () => redis.start(),
        ),
      );
    case "restart-postgres":
      return alone(postgres.url, () =>
        bounce(
          () => postgres.stop(),
          fault.downMs,
          () => postgres.start(),
        ),
      );
    case "flush-queue":
      return alone(servers[installation.queue.kind].url, installation.loseQueue);
    case "roll-redis-back": {
      const bringBack = await alone(redis.url, () => rememberRedis(redis));
      await delay(fault.byMs);
      return alone(redis.url, bringBack);
    }
  }
}

const doings = new Map<string, Promise<unknown>>();

/** One thing at a time happens to a server. */
async function alone<T>(server: string, work: () => Promise<T>): Promise<T> {
  const mine = (doings.get(server) ?? Promise.resolve()).then(work);
  doings.set(
    server,
    mine.catch(() => undefined),
  );
  return mine;
}

async function bounce(stop: () => Promise<void>, downMs: number, start: () => Promise<void>): Promise<void> {
  await stop();
  await delay(downMs);
  await start();
}

/** What holds at any moment is looked at again and again. */
async function watch(stage: Stage, problems: string[]): Promise<void> {
  while (!stage.isOver && problems.length === 0) {
    problems.push(...(await orNothing(() => alwaysWrong(stage.store, stage.api.records))));
    await delay(lookEveryMs);
  }
}

/** The database may be away, which is nobody's fault. */
async function orNothing(work: () => Promise<string[]>): Promise<string[]> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof InfrastructureError) return [];
    throw error;
  }
}
