import { expect, test } from "vitest";
import { diagnose } from "./diagnose.ts";
import type { Facts } from "./facts.ts";

const now = new Date("2026-01-01T12:00:00Z");
const later = (ms: number) => new Date(now.getTime() + ms);
const failed = (code: string) => ({ isKnown: false, code, message: "m", remedy: "do it" }) as const;
const redis = { version: "Redis 8.0.1", now, policy: "noeviction", isAppendOnly: true, usedBytes: 1, maxBytes: 100 };
const known = <T>(value: T) => ({ isKnown: true, value }) as const;

const healthy: Facts = {
  node: "24.21.0",
  config: known({ queue: "redis:6379", database: "postgres:5432", dataDir: "/data" }),
  disk: known({ path: "/data", freeBytes: 50 * 1024 ** 3 }),
  sources: known({ ready: ["usgs"], unconfigured: [], problems: [] }),
  database: known({ version: "PostgreSQL 17.2", now: later(900) }),
  queue: known(redis),
  unattended: known([]),
  owner: undefined,
  apis: [{ source: "usgs", api: known({ apiDate: later(-900), answeredAt: now }) }],
  now,
};

test("an installation that works has nothing to be done about", () => {
  const findings = diagnose(healthy);
  expect(findings.filter(({ severity, remedy }) => severity !== "ok" || remedy !== null)).toEqual([]);
  expect(findings.map(({ check }) => check)).toEqual([
    "node",
    "configuration",
    "disk",
    "sources",
    "database",
    "database clock",
    "queue",
    "queue durability",
    "queue clock",
    "workers",
    "api clock",
  ]);
});

test("an API that takes long for its answer has no other time for that", () => {
  const slow = { apiDate: later(19_000), answeredAt: later(20_000) };
  const findings = diagnose({ ...healthy, apis: [{ source: "usgs", api: known(slow) }] });
  expect(findings.filter(({ severity }) => severity !== "ok")).toEqual([]);
});

const planted: [fault: string, check: string, severity: "warning" | "problem", change: Partial<Facts>][] = [
  ["an old Node", "node", "problem", { node: "20.19.0" }],
  ["a variable that is wrong", "configuration", "problem", { config: failed("CONFIG_INVALID") }],
  ["a full disk", "disk", "problem", { disk: known({ path: "/data", freeBytes: 1_000_000 }) }],
  ["a disk that fills", "disk", "warning", { disk: known({ path: "/data", freeBytes: 1024 ** 3 }) }],
  [
    "a source file that is wrong",
    "sources",
    "problem",
    { sources: known({ ready: [], unconfigured: [], problems: [{ message: "m", remedy: "correct it" }] }) },
  ],
  [
    "a secret that is missing",
    "secrets",
    "warning",
    {
      sources: known({
        ready: [],
        unconfigured: [{ name: "stripe", problems: ["STRIPE_KEY is not set"] }],
        problems: [],
      }),
    },
  ],
  ["a database that is away", "database", "problem", { database: failed("DATABASE_UNAVAILABLE") }],
  ["tables that are behind", "database", "problem", { database: failed("DATABASE_BEHIND") }],
  ["a database that is not there yet", "database", "warning", { database: failed("DATABASE_MISSING") }],
  ["an old Postgres", "database", "problem", { database: known({ version: "PostgreSQL 13.9", now }) }],
  [
    "a database in another time",
    "database clock",
    "problem",
    { database: known({ version: "PostgreSQL 17", now: later(-90_000) }) },
  ],
  [
    "a queue that is away",
    "queue",
    "problem",
    { queue: failed("QUEUE_UNAVAILABLE"), unattended: failed("QUEUE_UNAVAILABLE") },
  ],
  [
    "a queue that nobody works on",
    "workers",
    "warning",
    { unattended: known([{ queue: "transform", dueForMs: 60_000 }]) },
  ],
  ["an old Redis", "queue", "problem", { queue: known({ ...redis, version: "Redis 6.0.16" }) }],
  ["a Redis that drops jobs", "queue durability", "problem", { queue: known({ ...redis, policy: "allkeys-lru" }) }],
  ["a Redis that forgets", "queue durability", "problem", { queue: known({ ...redis, isAppendOnly: false }) }],
  ["a Redis that is nearly full", "queue durability", "warning", { queue: known({ ...redis, usedBytes: 95 }) }],
  ["a Redis whose clock drifts", "queue clock", "warning", { queue: known({ ...redis, now: later(20_000) }) }],
  ["an API that does not answer", "api", "warning", { apis: [{ source: "usgs", api: failed("UNEXPECTED") }] }],
  [
    "an API in another time",
    "api clock",
    "problem",
    { apis: [{ source: "usgs", api: known({ apiDate: later(3_600_000), answeredAt: now }) }] },
  ],
];

test.each(planted)("finds %s", (_fault, check, severity, change) => {
  const found = diagnose({ ...healthy, ...change }).filter((finding) => finding.severity !== "ok");
  expect(found).toEqual([{ check, severity, found: expect.any(String), remedy: expect.stringMatching(/\w/) }]);
});
