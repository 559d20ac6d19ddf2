import pino from "pino";
import pretty from "pino-pretty";
import { redact } from "./redact.ts";
import { correlation } from "./scope.ts";
import { thisProcess } from "./this-process.ts";

/** A message that never changes, and what is particular about this time in fields. Fields are redacted. */
export type Log = (fields: object, message: string) => void;

/**
 * info: lifecycle, start and end of runs. debug: pages. warn: retries. error: dead letters and bugs. Errors go in the field
 * `err`.
 */
export type Logger = {
  debug: Log;
  info: Log;
  warn: Log;
  error: Log;
  /** A logger that adds these fields to each message: `source`, `stream`, `runId`, `seq`. In a job, `jobId`, `attempt` and `traceId` come by themselves. */
  child(fields: object): Logger;
};

export type LoggerOptions = {
  /** Which process: `fetcher`, `cli` … */
  app: string;
  level: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  /** `auto`: for people when the destination is a terminal. */
  format: "auto" | "json" | "pretty";
  /** Standard output, unless given. */
  destination?: LogDestination;
};

export type LogDestination = { write(text: string): unknown; isTTY?: boolean };

export function createLogger({ app, level, format, destination = process.stdout }: LoggerOptions): Logger {
  const isPretty = format === "pretty" || (format === "auto" && destination.isTTY === true);
  const options: pino.LoggerOptions = {
    level,
    base: { app, ...thisProcess() },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    mixin: correlation,
    // Errors are plain objects by then.
    serializers: { err: (err: unknown) => err },
  };
  return wrap(pino(options, isPretty ? prettyStream(destination) : destination));
}

function wrap(logger: pino.Logger): Logger {
  const at =
    (level: "debug" | "info" | "warn" | "error"): Log =>
    (fields, message) => {
      if (logger.isLevelEnabled(level)) logger[level](redact(fields), message);
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => wrap(logger.child(redact(fields))),
  };
}

/** Writes through as it comes: a line that is still in a buffer when a process dies would be the one that matters. */
function prettyStream(destination: LogDestination): pino.DestinationStream {
  const format = pretty.prettyFactory({
    colorize: destination.isTTY === true,
    ignore: "host,pid",
    translateTime: "SYS:HH:MM:ss.l",
    errorLikeObjectKeys: ["err"],
    singleLine: true,
  });
  return { write: (line) => void destination.write(format(line)) };
}
