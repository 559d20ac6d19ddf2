import { tickQueue, transformQueue } from "@penstock/queues/catalog";
import type { QueueInspection } from "@penstock/queues/inspect-queue";
import type { UnattendedQueue } from "@penstock/queues/queues";
import type { Facts, Known, SourceFacts } from "./facts.ts";

/** `warning`: works, but not as it should. `problem`: does not work. */
export type Severity = "ok" | "warning" | "problem";

export type Finding = {
  check: string;
  severity: Severity;
  found: string;
  /** What to do; `null` where nothing is. */
  remedy: string | null;
};

const gigabyte = 1024 ** 3;
const limits = {
  node: 24,
  postgres: 14,
  redis: [6, 2] as const,
  diskWarning: 2 * gigabyte,
  diskProblem: gigabyte / 4,
  redisShare: 0.8,
  /** The bound of a run never passes its start by the API's clock, so a small difference of ours does no harm. */
  skewWarningMs: 5_000,
  skewProblemMs: 60_000,
};

/** What the facts say about whether the installation works, and what to do where it does not. */
export function diagnose(facts: Facts): Finding[] {
  return [
    nodeVersion(facts.node),
    ...known("configuration", facts.config, ({ database, queue }) => [
      ok("configuration", `records in ${database}, queues in ${queue}`),
    ]),
    ...known("disk", facts.disk, disk),
    ...known("sources", facts.sources, sources),
    ...known("database", facts.database, ({ version, now }) => [
      databaseVersion(version),
      clock("database clock", now, facts.now, "database"),
    ]),
    ...known("queue", facts.queue, (found) => queue(found, facts)),
    // Why a queue does not answer is said above.
    ...(facts.queue?.isKnown === true ? known("workers", facts.unattended, workers) : []),
    ...facts.apis.flatMap(({ source, api }) => apiFindings(source, api)),
  ];
}

function known<T>(check: string, fact: Known<T> | undefined, judge: (value: T) => Finding[]): Finding[] {
  if (fact === undefined) return [];
  if (fact.isKnown) return judge(fact.value);
  const { code, message, remedy } = fact;
  // What does not exist yet is made by the first start.
  const severity = code === "DATABASE_MISSING" ? "warning" : "problem";
  return [{ check, severity, found: `${code}: ${message}`, remedy }];
}

const ok = (check: string, found: string): Finding => ({ check, severity: "ok", found, remedy: null });

function nodeVersion(version: string): Finding {
  const found = `Node.js ${version}`;
  if (numbersOf(version)[0] >= limits.node) return ok("node", found);
  const remedy = `install Node.js ${limits.node} or newer; ./penstock finds one itself`;
  return { check: "node", severity: "problem", found, remedy };
}

function databaseVersion(version: string): Finding {
  const isOld = version.startsWith("PostgreSQL") && numbersOf(version)[0] < limits.postgres;
  if (!isOld) return ok("database", `${version}, with all tables of this version`);
  const remedy = `use PostgreSQL ${limits.postgres} or newer`;
  return { check: "database", severity: "problem", found: version, remedy };
}

function disk({ path, freeBytes }: { path: string; freeBytes: number }): Finding[] {
  const found = `${(freeBytes / gigabyte).toFixed(1)} GB free in ${path}`;
  if (freeBytes >= limits.diskWarning) return [ok("disk", found)];
  const severity = freeBytes < limits.diskProblem ? "problem" : "warning";
  return [
    {
      check: "disk",
      severity,
      found,
      remedy: "make room, or point PENSTOCK_DATA_DIR, and DATABASE_URL where it names a file, to another disk",
    },
  ];
}

function sources({ ready, unconfigured, problems }: SourceFacts): Finding[] {
  const wrong = problems.map(
    ({ message, remedy }): Finding => ({ check: "sources", severity: "problem", found: message, remedy }),
  );
  const missing = unconfigured.map(
    ({ name, problems: why }): Finding => ({
      check: "secrets",
      severity: "warning",
      found: `${name} does not run: ${why.join("; ")}`,
      remedy: "set these variables, or remove the source's file",
    }),
  );
  if (ready.length + wrong.length + missing.length === 0) return [noSources];
  return [ok("sources", `${ready.length} ready: ${ready.join(", ") || "none"}`), ...wrong, ...missing];
}

const noSources: Finding = {
  check: "sources",
  severity: "warning",
  found: "no source is defined, so there is nothing to do",
  remedy: "make one with ./penstock new, or point PENSTOCK_SOURCES_DIR to where yours are",
};

function queue(found: QueueInspection | undefined, { owner, now }: Facts): Finding[] {
  if (found === undefined) {
    const text = owner === undefined ? "not in use now" : `in use by process ${owner.pid}`;
    return [ok("queue", `embedded, ${text}`)];
  }
  return [...queueVersion(found), ...durability(found), clock("queue clock", found.now, now, "queue's server")];
}

function queueVersion({ version }: QueueInspection): Finding[] {
  const [major, minor] = numbersOf(version);
  const [leastMajor, leastMinor] = limits.redis;
  const isOldRedis =
    version.startsWith("Redis") && (major < leastMajor || (major === leastMajor && minor < leastMinor));
  const isOldPostgres = version.startsWith("PostgreSQL") && major < limits.postgres;
  if (!isOldRedis && !isOldPostgres) return [ok("queue", version)];
  const remedy = `use Redis or Valkey ${limits.redis.join(".")}, or PostgreSQL ${limits.postgres}, or newer`;
  return [{ check: "queue", severity: "problem", found: version, remedy }];
}

/** Losing jobs loses no record; work is done twice, and runs stand still until the watchdog finds them. */
function durability({ policy, isAppendOnly, usedBytes = 0, maxBytes = 0 }: QueueInspection): Finding[] {
  const findings: Finding[] = [];
  const add = (severity: Severity, found: string, remedy: string) =>
    findings.push({ check: "queue durability", severity, found, remedy });
  if (policy !== undefined && policy !== "noeviction") {
    add("problem", `maxmemory-policy is ${policy}: Redis drops jobs to make room`, "set maxmemory-policy noeviction");
  }
  if (isAppendOnly === false) {
    add("problem", "appendonly is no: a restart forgets jobs", "set appendonly yes (CONFIG SET, and in redis.conf)");
  }
  if (maxBytes > 0 && usedBytes > limits.redisShare * maxBytes) {
    const share = Math.round((100 * usedBytes) / maxBytes);
    add("warning", `${share} % of maxmemory is used`, "raise maxmemory, or lower PENSTOCK_BACKLOG_HIGH");
  }
  return findings.length > 0 || policy === undefined ? findings : [ok("queue durability", "keeps what it is given")];
}

function workers(unattended: UnattendedQueue[] | null): Finding[] {
  if (unattended === null) return [];
  if (unattended.length === 0) return [ok("workers", "whatever is due in the queues has somebody who works on it")];
  return unattended.map(({ queue: name, dueForMs }) => ({
    check: "workers",
    severity: "warning",
    found: `nobody works on the queue ${name}, where a job has been due for ${Math.round(dueForMs / 1_000)} s`,
    remedy: `start a ${workerOf(name)} for it: all are in ./penstock up, and Docker Compose has one of that name`,
  }));
}

const workerOf = (queue: string): string =>
  queue === tickQueue ? "scheduler" : queue === transformQueue ? "transformer" : "fetcher";

function apiFindings(source: string, api: Facts["apis"][number]["api"]): Finding[] {
  if (!api.isKnown) {
    const found = `${source} does not answer: ${api.message}`;
    return [{ check: "api", severity: "warning", found, remedy: api.remedy }];
  }
  const { apiDate, answeredAt } = api.value;
  if (apiDate === null) return [ok("api", `${source} answers`)];
  return [clock("api clock", apiDate, answeredAt, source)];
}

function clock(check: string, theirs: Date, ours: Date, whose: string): Finding {
  const skewMs = Math.abs(theirs.getTime() - ours.getTime());
  const found = `the clock of ${whose} and this machine's are ${Math.round(skewMs / 1_000)} s apart`;
  if (skewMs < limits.skewWarningMs) return ok(check, found);
  const severity = skewMs < limits.skewProblemMs ? "warning" : "problem";
  return { check, severity, found, remedy: "have the machines' clocks set by NTP" };
}

/** The first two numbers in a text. */
function numbersOf(text: string): [number, number] {
  const [major = 0, minor = 0] = (text.match(/\d+/g) ?? []).map(Number);
  return [major, minor];
}
