import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { ConfigError } from "@penstock/core/errors";
import type { PlannedFailure } from "@penstock/core/failure-points";
import type { z } from "zod";
import { conflicts } from "./conflicts.ts";
import { describeProblem, type Problem } from "./problems.ts";
import { type Environment, readVariables, unknownVariables } from "./read-variables.ts";
import { metaOf } from "./variable.ts";
import { type LogFormat, type LogLevel, otherVariables, variables } from "./variables.ts";

/** Everything that can be set from outside, checked and complete. Paths are absolute. */
export type Config = {
  dataDir: string;
  sourcesDir: string;
  checkpointFile: string | undefined;
  database: { url: string };
  queue: QueueConfig;
  log: { level: LogLevel | undefined; format: LogFormat };
  http: { host: string; port: number };
  telemetry: TelemetryConfig;
  api: ApiConfig;
  /** Names; `undefined`: all. */
  fetchSources: string[] | undefined;
  /** Requests to one source at once, of one process; `undefined`: as many as the source allows. */
  fetchConcurrency: number | undefined;
  transformConcurrency: number;
  transformThreads: number;
  /** Pages. */
  backlogHigh: number;
  shutdownGraceMs: number;
  /** Milliseconds; `null`: for ever. */
  keep: { runsMs: number | null; pagesMs: number | null; lettersMs: number | null };
  /** Never set but by tests. */
  test: { failures: PlannedFailure[]; hasUniqueJobIds: boolean };
  /** The environment with `.env` added: what sources read their own variables from. */
  env: Environment;
};

export type TelemetryConfig = {
  /** Share of the traces that are recorded, where there is somebody to send them to. */
  sample: number;
  otlp: { url: string; headers: Record<string, string> } | undefined;
  /** `undefined`: metrics are not pushed. */
  pushMetricsEveryMs: number | undefined;
};

export type ApiConfig = {
  host: string;
  port: number;
  /** Requests of one caller. */
  maxPerMinute: number;
  trustsProxy: boolean;
};

/** What `openQueueBackend` takes. */
export type QueueConfig =
  | { kind: "embedded"; dataDir: string }
  | { kind: "redis"; url: string; allowVolatile: boolean; sentinel?: Sentinel }
  | { kind: "postgres"; url: string };

export type Sentinel = { master: string; hosts: { host: string; port: number }[]; password?: string };

export type ConfigInput = { env: Environment; cwd: string };

type Values = z.infer<z.ZodObject<typeof variables>>;

/**
 * Reads the environment, and `.env` in the current folder where the environment says nothing.
 *
 * @throws ConfigError `CONFIG_INVALID` with every problem, a line each
 */
export function loadConfig({ env: given, cwd }: ConfigInput): Config {
  const env = readEnvironment({ env: given, cwd });
  const { values, problems } = readVariables(variables, env);
  const known = [...Object.keys(variables), ...otherVariables];
  const all = [...problems, ...conflicts(env), ...unknownVariables(env, known)];
  if (values === undefined || all.length > 0) throw invalid(all);
  return { ...compose(values, cwd), env };
}

/** The environment, with `.env` in the current folder where it says nothing. */
export function readEnvironment({ env, cwd }: ConfigInput): Environment {
  return withFiles({ ...readEnvFile(join(cwd, ".env")), ...env }, cwd);
}

/** Variables that hold passwords may be in a file that `<NAME>_FILE` names, as secrets of containers come. */
function withFiles(env: Environment, cwd: string): Environment {
  const inFiles = Object.entries(variables).flatMap(([name, schema]) => {
    const { isSecret, isAddress } = metaOf(schema);
    const path = env[`${name}_FILE`];
    if (env[name] || !path || !(isSecret || isAddress)) return [];
    return [[name, readSecret(`${name}_FILE`, resolve(cwd, path))]];
  });
  return { ...env, ...Object.fromEntries(inFiles) };
}

function readSecret(variable: string, path: string): string {
  try {
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (cause) {
    const message = `${variable}: expected a file that can be read, received ${JSON.stringify(path)}`;
    throw new ConfigError("CONFIG_INVALID", message, { path: variable, cause });
  }
}

/** The folder of source files that `PENSTOCK_SOURCES_DIR` names, or the one beside the program. */
export function sourcesFolder(named: string | undefined, cwd: string): string {
  return named === undefined ? join(import.meta.dirname, "../../../sources") : resolve(cwd, named);
}

function compose(values: Values, cwd: string): Omit<Config, "env"> {
  const dataDir = resolve(cwd, values.PENSTOCK_DATA_DIR);
  const { CHECKPOINT_FILE: checkpoint, PENSTOCK_SOURCES_DIR: sources } = values;
  const database = { url: databaseUrl(values, dataDir, cwd) };
  return {
    dataDir,
    sourcesDir: sourcesFolder(sources, cwd),
    checkpointFile: checkpoint === undefined ? undefined : resolve(cwd, checkpoint),
    database,
    queue: queueConfig(values, dataDir),
    log: { level: values.PENSTOCK_LOG_LEVEL ?? values.LOG_LEVEL, format: values.PENSTOCK_LOG_FORMAT },
    http: { host: values.PENSTOCK_HTTP_HOST, port: values.PENSTOCK_HTTP_PORT },
    telemetry: telemetryConfig(values),
    api: {
      host: values.PENSTOCK_API_HOST,
      port: values.PENSTOCK_API_PORT,
      maxPerMinute: values.PENSTOCK_API_RATE_LIMIT,
      trustsProxy: values.PENSTOCK_API_TRUST_PROXY,
    },
    fetchSources: values.PENSTOCK_FETCH_SOURCES,
    fetchConcurrency: values.PENSTOCK_FETCH_CONCURRENCY,
    transformConcurrency: values.PENSTOCK_TRANSFORM_CONCURRENCY ?? transformConcurrencyFor(database.url),
    transformThreads: values.PENSTOCK_TRANSFORM_THREADS,
    backlogHigh: values.PENSTOCK_BACKLOG_HIGH,
    shutdownGraceMs: values.PENSTOCK_SHUTDOWN_GRACE_MS,
    keep: {
      runsMs: daysMs(values.PENSTOCK_KEEP_RUNS_DAYS),
      pagesMs: daysMs(values.PENSTOCK_KEEP_PAGES_DAYS),
      lettersMs: daysMs(values.PENSTOCK_KEEP_LETTERS_DAYS),
    },
    test: { failures: values.PENSTOCK_FAILURE_POINT, hasUniqueJobIds: values.PENSTOCK_UNIQUE_JOB_IDS },
  };
}

const dayMs = 86_400_000;
const daysMs = (days: number) => (days === 0 ? null : days * dayMs);

function telemetryConfig(values: Values): TelemetryConfig {
  const url = values.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/+$/, "");
  const headers = values.OTEL_EXPORTER_OTLP_HEADERS;
  const isPushed = url !== undefined && values.OTEL_METRICS_EXPORTER === "otlp";
  return {
    sample: values.PENSTOCK_TRACE_SAMPLE,
    otlp: url === undefined ? undefined : { url, headers },
    pushMetricsEveryMs: isPushed ? values.OTEL_METRIC_EXPORT_INTERVAL : undefined,
  };
}

function databaseUrl({ DATABASE_URL: url, DB_PATH: path }: Values, dataDir: string, cwd: string): string {
  if (url === undefined) return `file:${path === undefined ? join(dataDir, "penstock.db") : resolve(cwd, path)}`;
  return url.startsWith("file:") ? `file:${resolve(cwd, url.slice("file:".length))}` : url;
}

/** Four for each transaction that the database does side by side: while some are committed others are transformed. */
function transformConcurrencyFor(databaseUrl: string): number {
  return databaseUrl.startsWith("file:") ? 4 : 8;
}

function queueConfig(values: Values, dataDir: string): QueueConfig {
  const url = values.QUEUE_URL ?? values.REDIS_URL;
  if (url === undefined) return { kind: "embedded", dataDir };
  if (url.startsWith("postgres")) return { kind: "postgres", url };
  const sentinel = sentinelConfig(values);
  return { kind: "redis", url, allowVolatile: values.QUEUE_ALLOW_VOLATILE, ...(sentinel && { sentinel }) };
}

function sentinelConfig(values: Values): Sentinel | undefined {
  const { REDIS_SENTINELS: hosts, REDIS_SENTINEL_MASTER: master, REDIS_SENTINEL_PASSWORD: password } = values;
  if (hosts === undefined) return undefined;
  return { master, hosts, ...(password === undefined ? {} : { password }) };
}

function readEnvFile(path: string): Environment {
  try {
    return parseEnv(readFileSync(path, "utf8"));
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return {};
    throw new ConfigError("CONFIG_INVALID", `${path} cannot be read`, { cause });
  }
}

function invalid(problems: Problem[]): ConfigError {
  const lines = problems.map((problem) => `  ${describeProblem(problem)}`);
  return new ConfigError("CONFIG_INVALID", `the configuration cannot be used:\n${lines.join("\n")}`, {
    remedy: "correct these variables in the environment or in .env; docs/configuration.md describes each",
  });
}
