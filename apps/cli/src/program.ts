import type { Config } from "@penstock/config/config";
import { CancelledError } from "@penstock/core/errors";
import { describeFailure, exitCodeOf, exitCodes } from "@penstock/runtime/failure";
import type { ServiceHost } from "@penstock/runtime/serve";
import type { Logger } from "@penstock/telemetry/logger";
import { Command, CommanderError } from "commander";
import { type Define, definerOf } from "./define-command.ts";
import { defineKeys } from "./key-commands.ts";
import { defineStateCommands } from "./state-commands.ts";

/** The process as the program sees it; `main.ts` hands it over, tests make their own. */
export type Host = {
  argv: string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  out: NodeJS.WriteStream;
  err: NodeJS.WriteStream;
  onSignal(listener: (signal: "SIGINT" | "SIGTERM") => void): void;
  exit(code: number): void;
  /** For the command that is a service. */
  service: ServiceHost;
};

export type CommandContext = {
  config: Config;
  logger: Logger;
  out: NodeJS.WriteStream;
  err: NodeJS.WriteStream;
  /** Aborted by the first signal. */
  signal: AbortSignal;
};

/** Parses the command line and runs the command; returns the exit code. Commands are loaded when they are called. */
export async function main(host: Host): Promise<number> {
  const interrupted = new AbortController();
  let exitCode: number = exitCodes.ok;
  const program = buildProgram(async (command) => {
    exitCode = await command(host, interrupted);
  });
  try {
    await program.parseAsync(host.argv);
    return exitCode;
  } catch (error) {
    return explain(host, program, error, interrupted.signal);
  }
}

function interrupt(host: Host, interrupted: AbortController, signal: string): void {
  host.err.write(`\n${signal}: stopping; once more to stop at once\n`);
  interrupted.abort(new CancelledError("CANCELLED", `stopped by ${signal}`));
  host.onSignal(() => host.exit(exitCodes.interrupted));
}

function explain(host: Host, program: Command, error: unknown, signal: AbortSignal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.misused;
  if (signal.aborted) return exitCodes.interrupted;
  host.err.write(`${describeFailure(error, { isVerbose: program.opts()["verbose"] === true })}\n`);
  return exitCodeOf(error);
}

type RunCommand = (host: Host, interrupted: AbortController) => Promise<number>;

function buildProgram(execute: (command: RunCommand) => Promise<void>): Command {
  const program = new Command("penstock")
    .description("Pull records out of HTTP APIs and land them in your own database.")
    .option("--verbose", "debug logs, and stack traces of errors")
    .exitOverride()
    .showHelpAfterError("(penstock --help lists the commands)");
  const define = definerOf(program);
  const isVerbose = () => program.opts()["verbose"] === true;
  const inContext: InContext = (work, usualLevel = "warn") =>
    execute(async (host, interrupted) => {
      host.onSignal((signal) => interrupt(host, interrupted, signal));
      return work(await openContext(host, interrupted.signal, isVerbose() ? "debug" : usualLevel));
    });

  define("demo", "ingest 1,707 real earthquakes from a local replay of the USGS API", "penstock demo --json")
    .option("--json", "print the summary as one line of JSON")
    .action((options) =>
      inContext(async (context) => (await import("./commands/demo.ts")).demo(context, options), "silent"),
    );
  define("up", "run everything in this process: the pipeline, the HTTP API and the dashboard", "penstock up --open")
    .option("--open", "open the dashboard in a browser")
    .action((options) =>
      execute(async (host) => (await import("./commands/up.ts")).up(host, { ...options, isVerbose: isVerbose() })),
    );
  define(
    "run <source[.stream]>",
    "run one stream, or all of a source, once and wait for the end",
    "penstock run usgs.earthquakes --json",
  )
    .option("--json", "print each run as one line of JSON")
    .option("--full", "start from the beginning instead of the checkpoint")
    .option("--reason <text>", "why; kept in the audit log")
    .action((target, options) =>
      inContext(async (context) => (await import("./commands/run.ts")).run(context, target, options)),
    );
  defineStateCommands(define, inContext);
  defineKeys(
    define("keys", "create, list and revoke keys of the HTTP API", "penstock keys create reports --scope read"),
    inContext,
  );
  define("status", "checkpoint, lag, last run, dead letters per stream, and queue depths", "penstock status --json")
    .option("--json", "print as one line of JSON")
    .action((options) => inContext(async (context) => (await import("./commands/status.ts")).status(context, options)));
  define(
    "doctor",
    "look at the whole installation, and say what to do where it does not work",
    "penstock doctor --json",
  )
    .option("--json", "print as one line of JSON")
    .action((options) => execute(async (host) => (await import("./commands/doctor.ts")).doctor(host, options)));
  define("sources", "list the sources and streams that are defined", "penstock sources")
    .option("--json", "print as one line of JSON")
    .action((options) =>
      inContext(async (context) => (await import("./commands/sources.ts")).sources(context, options)),
    );
  defineAuthoring(define, inContext);
  define("migrate", "bring the database's tables up to date", "penstock migrate").action(() =>
    inContext(async (context) => (await import("./commands/migrate.ts")).migrate(context)),
  );
  defineDeadLetters(
    define(
      "dead-letters",
      "look at dead letters, put them back or discard them",
      "penstock dead-letters list --stream usgs.earthquakes",
    ),
    inContext,
  );
  define("test [patterns...]", "run the tests: unit, integration, end to end", "penstock test --unit")
    .allowUnknownOption()
    .action((_patterns, _options, command: Command) =>
      execute(async () => (await import("./commands/test.ts")).runTests(command.args)),
    );
  return program;
}

export type InContext = (work: (context: CommandContext) => Promise<number>, usualLevel?: UsualLevel) => Promise<void>;
/** What a command logs unless told otherwise: the demo's dead letters are part of what it shows. */
type UsualLevel = "warn" | "silent";

/** The commands that one writes a source file with. */
function defineAuthoring(define: Define, inContext: InContext): void {
  define(
    "preview <source.stream>",
    "show one page of a stream, validated and transformed, and store nothing",
    "penstock preview usgs.earthquakes --limit 5",
  )
    .option("--json", "print as one line of JSON")
    .option("--limit <n>", "look at this many records of the page", "20")
    .option("--since <bound>", "ask as a run that starts from this cursor value does")
    .option("--parent <field=value>", "of a child stream: its parent's values, once for each field", collect, [])
    .action((name, options) =>
      inContext(async (context) => (await import("./commands/preview.ts")).preview(context, name, options)),
    );
  define(
    "check <source[.stream]>",
    "compare what the API gives with what the source file says, and store nothing",
    "penstock check usgs",
  )
    .option("--json", "print one line of JSON per stream")
    .action((name, options) =>
      inContext(async (context) => (await import("./commands/check.ts")).check(context, name, options)),
    );
  define(
    "new <name>",
    "write a source file from one response of an API",
    "penstock new shop --url 'https://api.example.com/v1/orders?limit=100' --header 'Authorization: Bearer …'",
  )
    .requiredOption("--url <url>", "the address that lists the records")
    .option("--header <header>", "sent with the request; credentials become variables of the source", collect, [])
    .option("--force", "overwrite the file")
    .action((name, options) =>
      inContext(async (context) => (await import("./commands/new.ts")).createSource(context, name, options)),
    );
}

const collect = (value: string, before: string[]): string[] => [...before, value];

function defineDeadLetters(group: Command, inContext: InContext): void {
  const load = () => import("./commands/dead-letters.ts");
  const filters = (command: Command) =>
    command
      .option("--source <source>", "only those of one source")
      .option("--stream <source.stream>", "only those of one stream")
      .option("--code <code>", "only those with this error code")
      .option("--stage <stage>", "only those that failed there: fetch or transform")
      .option("--since <time>", "only those last met since: 2h, 7d, or 2026-01-31T12:00:00Z")
      .option("--run <id>", "only those last met in this run")
      .option("--text <text>", "only those with this text in message, key or payload")
      .option("--limit <n>", "at most this many, oldest first", "100");
  const define = definerOf(group);
  filters(define("list", "list dead letters, oldest first", "penstock dead-letters list --stream usgs.earthquakes"))
    .option("--status <status>", "open, redriving, resolved, discarded or any", "open")
    .option("--json", "one line of JSON per letter")
    .action((options) => inContext(async (context) => (await load()).list(context, options)));
  define("show <id>", "show one dead letter with its payload, as JSON", "penstock dead-letters show 0c6f…")
    .option("--json", "on one line")
    .action((id, options) => inContext(async (context) => (await load()).show(context, id, options)));
  const changes = (command: Command) =>
    filters(command)
      .option("--dry-run", "show which, and change nothing")
      .option("--reason <text>", "why; kept in the audit log")
      .option("--json", "print the result as one line of JSON");
  changes(
    define(
      "redrive [ids...]",
      "put dead letters back to the stage they failed in, and wait",
      "penstock dead-letters redrive --code RECORD_INVALID --dry-run",
    ),
  ).action((ids, options) =>
    inContext(async (context) => (await import("./commands/redrive.ts")).redrive(context, ids, options)),
  );
  changes(
    define(
      "discard [ids...]",
      "close dead letters for good; their payload is kept",
      "penstock dead-letters discard 0c6f… --reason 'a test of theirs'",
    ),
  ).action((ids, options) => inContext(async (context) => (await load()).discard(context, ids, options)));
}

/** Configuration and logger of a command; `level` is what it logs unless the configuration says. */
async function openContext(host: Host, signal: AbortSignal, usualLevel: UsualLevel | "debug"): Promise<CommandContext> {
  const { loadConfiguration } = await import("@penstock/runtime/load-configuration");
  const { createLogger } = await import("@penstock/telemetry/logger");
  const config = await loadConfiguration({ env: host.env, cwd: host.cwd });
  const level = usualLevel === "debug" ? usualLevel : (config.log.level ?? usualLevel);
  const logger = createLogger({ app: "cli", level, format: config.log.format, destination: host.err });
  return { config, logger, out: host.out, err: host.err, signal };
}
