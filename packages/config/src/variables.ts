import { type PlannedFailure, parseFailures } from "@penstock/core/failure-points";
import { z } from "zod";
import { address, flag, integer, variable } from "./variable.ts";

/*
 * Every variable of the environment that Penstock itself reads; sources declare their own in their files. `.env.example` and
 * `docs/configuration.md` list the same; a test holds the three together.
 */

const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

const logFormats = ["auto", "json", "pretty"] as const;
export type LogFormat = (typeof logFormats)[number];

const level = z.enum(logLevels).optional();
const levelExpected = `one of ${logLevels.join(", ")}`;

const hostList = z
  .string()
  .regex(/^[^\s,:]+:\d+(\s*,\s*[^\s,:]+:\d+)*$/)
  .transform((text) => text.split(/\s*,\s*/).map((pair) => pair.split(":")))
  .transform((pairs) => pairs.map(([host = "", port]) => ({ host, port: Number(port) })));

const headerList = z
  .string()
  .regex(/^[^\s=,]+=[^,]*(,\s*[^\s=,]+=[^,]*)*$/)
  .transform((text) => text.split(/,\s*/).map((pair) => pair.split(/=(.*)/s)))
  .transform((pairs) => Object.fromEntries(pairs.map(([name = "", value = ""]) => [name, decodeURIComponent(value)])));

const nameList = z
  .string()
  .regex(/^[^\s,]+(\s*,\s*[^\s,]+)*$/)
  .transform((text) => text.split(/\s*,\s*/));

const share = z
  .string()
  .regex(/^(0|1|0?\.\d+|1\.0+)$/)
  .transform(Number);

const placeVariables = {
  PENSTOCK_DATA_DIR: variable(z.string().default("./data"), {
    description: "Folder for everything the embedded database and queue write.",
    expected: "a path",
    fallback: "`./data`",
  }),
  PENSTOCK_SOURCES_DIR: variable(z.string().optional(), {
    description: "Folder with the source definitions.",
    expected: "a path",
    fallback: "`sources` beside the program",
  }),
  CHECKPOINT_FILE: variable(z.string().optional(), {
    description:
      "A checkpoint of the original pipeline. Imported once, as the first bound of `external_api.data`, which says so; from then on it is not read.",
    expected: "a path",
    fallback: "none",
  }),
};

const databaseVariables = {
  DATABASE_URL: variable(address("file:", "postgres:", "postgresql:").optional(), {
    description: "Where records land: SQLite (`file:path`) or Postgres.",
    expected: "file:<path> or postgres://user:password@host:port/database",
    fallback: "`penstock.db` in `PENSTOCK_DATA_DIR`",
    isAddress: true,
  }),
  DB_PATH: variable(z.string().optional(), {
    description: "Path of the SQLite file: the original pipeline's way of naming it.",
    expected: "a path",
    fallback: "see `DATABASE_URL`",
  }),
};

const queueVariables = {
  REDIS_URL: variable(address("redis:", "rediss:").optional(), {
    description: "Redis or Valkey (6.2 or newer) that holds the queues, so that several processes can share them.",
    expected: "redis://[user:password@]host:port[/db] or rediss://…",
    fallback: "the embedded queue, in `PENSTOCK_DATA_DIR`",
    isAddress: true,
  }),
  QUEUE_URL: variable(address("redis:", "rediss:", "postgres:", "postgresql:").optional(), {
    description: "As `REDIS_URL`, and takes a Postgres server as well.",
    expected: "redis://…, rediss://… or postgres://…",
    fallback: "see `REDIS_URL`",
    isAddress: true,
  }),
  QUEUE_ALLOW_VOLATILE: variable(flag.default(false), {
    description:
      "Accept a Redis that may evict or forget jobs (no `noeviction`, no append-only file). No record is lost; work is done twice.",
    expected: "true or false",
    fallback: "`false`",
  }),
  REDIS_SENTINELS: variable(hostList.optional(), {
    description: "Sentinels to ask for the Redis; account, database number and TLS are still those of `REDIS_URL`.",
    expected: "host:port, several separated by commas",
    fallback: "none: `REDIS_URL` names the server itself",
  }),
  REDIS_SENTINEL_MASTER: variable(z.string().default("mymaster"), {
    description: "Name under which the Sentinels know the Redis.",
    expected: "a name",
    fallback: "`mymaster`",
  }),
  REDIS_SENTINEL_PASSWORD: variable(z.string().optional(), {
    description: "Password of the Sentinels themselves.",
    expected: "a password",
    fallback: "none",
    isSecret: true,
  }),
};

const logVariables = {
  PENSTOCK_LOG_LEVEL: variable(level, {
    description: "The least important messages to log.",
    expected: levelExpected,
    fallback: "`info`; `warn` for commands that end by themselves",
  }),
  LOG_LEVEL: variable(level, {
    description: "The same, where `PENSTOCK_LOG_LEVEL` is not set.",
    expected: levelExpected,
    fallback: "see `PENSTOCK_LOG_LEVEL`",
  }),
  PENSTOCK_LOG_FORMAT: variable(z.enum(logFormats).default("auto"), {
    description: "JSON lines, or lines for people; `auto`: for people on a terminal.",
    expected: `one of ${logFormats.join(", ")}`,
    fallback: "`auto`",
  }),
};

const serviceVariables = {
  PENSTOCK_HTTP_HOST: variable(z.string().default("127.0.0.1"), {
    description: "Address on which health and metrics are served. `0.0.0.0` for every interface, as in a container.",
    expected: "an IP address or host name of this machine",
    fallback: "`127.0.0.1`",
  }),
  PENSTOCK_HTTP_PORT: variable(integer(0, 65_535).default(9464), {
    description: "Port of health and metrics. `0`: any that is free.",
    expected: "a whole number from 0 to 65535",
    fallback: "`9464`",
  }),
  PENSTOCK_API_HOST: variable(z.string().default("127.0.0.1"), {
    description:
      "Address on which the HTTP API and the dashboard are served. Other than on this machine alone, they need a key.",
    expected: "an IP address or host name of this machine",
    fallback: "`127.0.0.1`",
  }),
  PENSTOCK_API_PORT: variable(integer(0, 65_535).default(9470), {
    description: "Port of the HTTP API and the dashboard. `0`: any that is free.",
    expected: "a whole number from 0 to 65535",
    fallback: "`9470`",
  }),
  PENSTOCK_API_RATE_LIMIT: variable(integer(1).default(6_000), {
    description: "Requests to the HTTP API that one caller may make in a minute: one key, or one address without.",
    expected: "a whole number from 1",
    fallback: "`6000`",
  }),
  PENSTOCK_API_TRUST_PROXY: variable(flag.default(false), {
    description:
      "Believe `X-Forwarded-For` and `X-Forwarded-Proto`. Only behind a proxy that sets them, or callers can claim any address.",
    expected: "true or false",
    fallback: "`false`",
  }),
  PENSTOCK_FETCH_SOURCES: variable(nameList.optional(), {
    description:
      "Sources that this fetcher sends requests to; the others are left to other fetchers. Ignored by every other process.",
    expected: "names of sources, separated by commas",
    fallback: "all",
  }),
  PENSTOCK_FETCH_CONCURRENCY: variable(integer(1, 1_000).optional(), {
    description:
      "Requests to one source that one fetcher has in flight at once, which bounds its memory; the source's `concurrency` bounds all fetchers together.",
    expected: "a whole number from 1 to 1000",
    fallback: "the source's `concurrency`",
  }),
  PENSTOCK_TRANSFORM_CONCURRENCY: variable(integer(1, 1_000).optional(), {
    description: "Pages that one transformer works on at once.",
    expected: "a whole number from 1 to 1000",
    fallback: "`8` with a database in Postgres, `4` in SQLite",
  }),
  PENSTOCK_TRANSFORM_THREADS: variable(integer(0, 64).default(1), {
    description:
      "Threads in which one transformer validates and transforms pages. `0`: beside everything else, in the main one.",
    expected: "a whole number from 0 to 64",
    fallback: "`1`",
  }),
  PENSTOCK_BACKLOG_HIGH: variable(integer(1).default(256), {
    description: "Fetchers hold back while more pages than this wait for the transformers, and go on below half of it.",
    expected: "a whole number from 1",
    fallback: "`256`",
  }),
  PENSTOCK_SHUTDOWN_GRACE_MS: variable(integer(0, 3_600_000).default(15_000), {
    description: "How long a process that was told to stop waits for its running jobs, in milliseconds.",
    expected: "a whole number from 0 to 3600000",
    fallback: "`15000`",
  }),
};

const retentionVariables = {
  PENSTOCK_KEEP_RUNS_DAYS: variable(integer(0, 36_500).default(90), {
    description:
      "How long ended runs are kept, in days. Of each partition the last that succeeded stays. `0`, here and below: for ever.",
    expected: "a whole number from 0 to 36500",
    fallback: "`90`",
  }),
  PENSTOCK_KEEP_PAGES_DAYS: variable(integer(0, 36_500).default(30), {
    description: "How long it is kept what became of each page of a run.",
    expected: "a whole number from 0 to 36500",
    fallback: "`30`",
  }),
  PENSTOCK_KEEP_LETTERS_DAYS: variable(integer(0, 36_500).default(90), {
    description: "How long dead letters are kept that are resolved or discarded. Open ones stay.",
    expected: "a whole number from 0 to 36500",
    fallback: "`90`",
  }),
};

const telemetryVariables = {
  OTEL_EXPORTER_OTLP_ENDPOINT: variable(address("http:", "https:").optional(), {
    description:
      "OpenTelemetry collector that traces are sent to, as OTLP over HTTP. Also where metrics are pushed to.",
    expected: "http://host:4318 or https://…",
    fallback: "none: nothing is traced",
    isAddress: true,
  }),
  OTEL_EXPORTER_OTLP_HEADERS: variable(headerList.default({}), {
    description: "Headers sent to it, such as credentials.",
    expected: "name=value, several separated by commas",
    fallback: "none",
    isSecret: true,
  }),
  OTEL_METRICS_EXPORTER: variable(z.enum(["none", "otlp"]).default("none"), {
    description: "`otlp` pushes the metrics of `/metrics` to the collector as well.",
    expected: "none or otlp",
    fallback: "`none`",
  }),
  OTEL_METRIC_EXPORT_INTERVAL: variable(integer(1_000, 3_600_000).default(60_000), {
    description: "How often they are pushed, in milliseconds.",
    expected: "a whole number from 1000 to 3600000",
    fallback: "`60000`",
  }),
  PENSTOCK_TRACE_SAMPLE: variable(share.default(0.1), {
    description: "Share of the pages whose trace is recorded.",
    expected: "a number from 0 to 1",
    fallback: "`0.1`",
  }),
};

const testVariables = {
  PENSTOCK_FAILURE_POINT: variable(z.string().transform(readFailures).default([]), {
    description: "For tests only: places where the process kills itself, throws or hangs; see reliability.md.",
    expected: "<point>:<nth>:<kill, throw, refuse, hang or delay=ms>, several separated by commas",
    fallback: "none",
  }),
  PENSTOCK_UNIQUE_JOB_IDS: variable(flag.default(false), {
    description: "For tests only: gives every job an id of its own, so that no queue recognises a second one.",
    expected: "true or false",
    fallback: "`false`",
  }),
};

function readFailures(text: string, context: z.RefinementCtx): PlannedFailure[] {
  const failures = parseFailures(text);
  if (failures === undefined) context.addIssue({ code: "custom", message: "not a plan of failures" });
  return failures ?? [];
}

export const variables = {
  ...placeVariables,
  ...databaseVariables,
  ...queueVariables,
  ...logVariables,
  ...serviceVariables,
  ...retentionVariables,
  ...telemetryVariables,
  ...testVariables,
};

/** Read by the wrapper script and by the tests, not by the program. */
export const otherVariables = [
  "PENSTOCK_NODE",
  "NODE_OPTIONS",
  "PENSTOCK_TEST_REQUIRE_ALL",
  "PENSTOCK_TEST_CHAOS",
  "PENSTOCK_TEST_FUZZ_REQUESTS",
] as const;
