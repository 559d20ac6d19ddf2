import { type FailurePoint, failurePoints, type PlannedFailure } from "@penstock/core/failure-points";
import { createRandom, type Random } from "./random.ts";

/** Everything that will happen to one installation, decided by its seed. */
export type Schedule = {
  seed: number;
  database: "sqlite" | "postgresql";
  queue: "redis" | "postgres";
  /** Whether the queue turns away a job whose id it knows. */
  isDeduplicated: boolean;
  pageSize: number;
  /** Records that are there from the start, and those that appear later. */
  records: { atFirst: number; later: number; laterAtMs: number; badOneIn: number };
  /** Share of requests that the API answers with each fault. */
  apiFaults: { unavailable: number; throttled: number; notJson: number };
  /** Share of jobs that are enqueued a second time, and of jobs that are late. */
  jobs: { duplicated: number; delayed: number };
  /** What each process does besides; the first of the processes has every part, the others fetch and transform. */
  processes: { failures: PlannedFailure[] }[];
  faults: Fault[];
};

export type Fault = { atMs: number } & (
  | { kind: "kill-process"; process: number; downMs: number }
  | { kind: "part-process"; process: number; from: Server; forMs: number }
  | { kind: "reset-process"; process: number; from: Server }
  | { kind: "slow-process"; process: number; from: Server; delayMs: number; forMs: number }
  | { kind: "kill-redis"; downMs: number }
  | { kind: "flush-queue" }
  | { kind: "roll-redis-back"; byMs: number }
  | { kind: "restart-postgres"; downMs: number }
);
export type Server = "redis" | "postgres";

const lastFaultMs = 3_000;

/** Draws a schedule: the same for the same seed, whatever the machine. */
export function drawSchedule(seed: number): Schedule {
  const random = createRandom(seed);
  const database = random.pick(["sqlite", "postgresql"]);
  const processes = random.between(2, 3);
  const queue = random.pick(["redis", "redis", "redis", "postgres"]);
  const isDeduplicated = random.chance(0.5);
  const servers = serversOf(database, queue);
  return {
    seed,
    database,
    queue,
    isDeduplicated,
    pageSize: random.pick([10, 20, 40]),
    records: {
      atFirst: random.between(100, 300),
      later: random.between(0, 100),
      laterAtMs: random.between(500, 2_500),
      badOneIn: random.between(20, 100),
    },
    apiFaults: {
      unavailable: random.pick([0, 0.05, 0.15]),
      throttled: random.pick([0, 0.05]),
      notJson: random.pick([0, 0, 0.02]),
    },
    // Without recognised ids each duplicate has descendants of its own: they would be millions.
    jobs: {
      duplicated: random.pick(isDeduplicated ? [0, 0.1, 0.5] : [0, 0.02, 0.1]),
      delayed: random.pick([0, 0.1, 0.3]),
    },
    processes: Array.from({ length: processes }, () => ({ failures: drawFailures(random) })),
    faults: drawFaults(random, { processes, servers }),
  };
}

function drawFailures(random: Random): PlannedFailure[] {
  const points = Object.keys(failurePoints) as [FailurePoint, ...FailurePoint[]];
  const actions: [PlannedFailure["action"], ...PlannedFailure["action"][]] = [
    { kind: "kill" },
    { kind: "kill" },
    { kind: "throw" },
    { kind: "delay", delayMs: random.between(50, 2_500) },
  ];
  return Array.from({ length: random.between(0, 3) }, () => ({
    point: random.pick(points),
    nth: random.between(1, 6),
    action: random.pick(actions),
  }));
}

function serversOf(database: Schedule["database"], queue: Schedule["queue"]): Installed["servers"] {
  if (queue === "postgres") return ["postgres"];
  return database === "postgresql" ? ["redis", "postgres"] : ["redis"];
}

type Installed = { processes: number; servers: [Server, ...Server[]] };

function drawFaults(random: Random, installed: Installed): Fault[] {
  const faults = Array.from({ length: random.between(1, 6) }, () => drawFault(random, installed));
  return faults.sort((a, b) => a.atMs - b.atMs);
}

function drawFault(random: Random, { processes, servers }: Installed): Fault {
  const atMs = random.between(100, lastFaultMs);
  const process = random.between(0, processes - 1);
  const from = random.pick(servers);
  const kinds: [Fault["kind"], ...Fault["kind"][]] = [
    "kill-process",
    "kill-process",
    "part-process",
    "reset-process",
    "slow-process",
    "flush-queue",
    ...(servers.includes("redis") ? (["kill-redis", "roll-redis-back"] as const) : []),
    ...(servers.includes("postgres") ? (["restart-postgres"] as const) : []),
  ];
  const kind = random.pick(kinds);
  switch (kind) {
    case "kill-process":
      return { atMs, kind, process, downMs: random.between(0, 500) };
    case "part-process":
      return { atMs, kind, process, from, forMs: random.between(200, 2_500) };
    case "reset-process":
      return { atMs, kind, process, from };
    case "slow-process":
      return { atMs, kind, process, from, delayMs: random.between(5, 50), forMs: random.between(200, 1_000) };
    case "kill-redis":
    case "restart-postgres":
      return { atMs, kind, downMs: random.between(0, 1_500) };
    case "flush-queue":
      return { atMs, kind };
    case "roll-redis-back":
      return { atMs, kind, byMs: random.between(200, 2_000) };
  }
}
