import { ConfigError } from "@penstock/core/errors";
import type { Command } from "commander";
import { type Define, definerOf } from "./define-command.ts";
import type { InContext } from "./program.ts";

/** The commands that show and change where streams stand. Each change is written to the audit log. */
export function defineStateCommands(define: Define, inContext: InContext): void {
  const reason = (command: Command) => command.option("--reason <text>", "why; kept in the audit log");
  const json = (command: Command) => command.option("--json", "print as JSON, one line for each");
  const limit = (command: Command) => command.option("--limit <n>", "at most this many", count, 50);
  reason(
    define("pause <source[.stream]>", "hold a stream, or all of a source, back until resumed", "penstock pause usgs"),
  ).action((target, options) =>
    inContext(async (context) =>
      (await import("./commands/pause.ts")).setPaused(context, target, { ...options, isPaused: true }),
    ),
  );
  reason(define("resume <source[.stream]>", "let what was paused go on", "penstock resume usgs")).action(
    (target, options) =>
      inContext(async (context) =>
        (await import("./commands/pause.ts")).setPaused(context, target, { ...options, isPaused: false }),
      ),
  );
  json(limit(define("runs", "list runs, newest first", "penstock runs --stream usgs.earthquakes --limit 5")))
    .option("--stream <source[.stream]>", "only those of one stream, or of one source")
    .option("--status <status>", "only those with this status")
    .action((options) => inContext(async (context) => (await import("./commands/runs.ts")).runs(context, options)));
  json(
    reason(define("cancel <run>", "end a live run; its bound stays", "penstock cancel 0c6f… --reason 'too slow'")),
  ).action((runId, options) =>
    inContext(async (context) => (await import("./commands/runs.ts")).cancel(context, runId, options)),
  );
  json(limit(define("audit", "list what was done by hand: who, when, why", "penstock audit --target usgs.earthquakes")))
    .option("--target <name>", "only what was done to this source, stream, run or letter")
    .action((options) => inContext(async (context) => (await import("./commands/audit.ts")).audit(context, options)));
  json(
    define("schema <source.stream>", "show a stream's schema and contract", "penstock schema usgs.earthquakes --diff"),
  )
    .option("--diff", "what changed since the schema before, and what arrived that it does not say")
    .action((name, options) =>
      inContext(async (context) => (await import("./commands/schema.ts")).schema(context, name, options)),
    );
  json(
    reason(
      define(
        "replay <source.stream>",
        "transform kept pages again, without asking the API",
        "penstock replay shop.orders",
      ),
    ),
  )
    .option("--since <time>", "only pages observed since: 2h, 7d, or 2026-01-31T12:00:00Z")
    .option("--run <id>", "only pages of this run")
    .option("--restart", "from the first page, also where the same replay was interrupted")
    .action((name, options) =>
      inContext(async (context) => (await import("./commands/replay.ts")).replay(context, name, options)),
    );
  json(
    reason(
      define(
        "backfill <source.stream>",
        "fetch a span of time again, in windows beside the live runs",
        "penstock backfill usgs.earthquakes --from 2026-01-01 --to 2026-02-01",
      ),
    ),
  )
    .requiredOption("--from <time>", "where it begins: 2026-01-31, or 2026-01-31T12:00:00Z")
    .requiredOption("--to <time>", "where it ends, without that moment")
    .option("--partition <duration>", "length of a window: 6h, 1d, 1w", "1d")
    .option("--parallel <n>", "windows at once", count, 8)
    .option("--detach", "leave it to the processes that run already")
    .action((name, options) =>
      inContext(async (context) => (await import("./commands/backfill.ts")).backfill(context, name, options)),
    );
  defineBackfills(
    define("backfills", "how far backfills are, and how to end one", "penstock backfills list"),
    inContext,
  );
  defineDeletions(
    define("deletions", "what full runs found gone, and what waits for a decision", "penstock deletions list"),
    inContext,
  );
  defineCheckpoint(
    define("checkpoint", "look at checkpoints, and move them", "penstock checkpoint show usgs.earthquakes"),
    inContext,
  );
}

function defineBackfills(group: Command, inContext: InContext): void {
  const load = () => import("./commands/backfill.ts");
  const define = definerOf(group);
  define("list", "list backfills, newest first", "penstock backfills list --limit 5")
    .option("--limit <n>", "at most this many", count, 50)
    .option("--json", "print as JSON, one line for each")
    .action((options) => inContext(async (context) => (await load()).list(context, options)));
  define("cancel <backfill>", "end a backfill; what it committed stays", "penstock backfills cancel 0c6f…")
    .option("--reason <text>", "why; kept in the audit log")
    .option("--json", "print as one line of JSON")
    .action((id, options) => inContext(async (context) => (await load()).cancel(context, id, options)));
}

function defineDeletions(group: Command, inContext: InContext): void {
  const load = () => import("./commands/deletions.ts");
  const define = definerOf(group);
  define("list", "list what full runs found gone, newest first", "penstock deletions list --status any")
    .option("--stream <source[.stream]>", "only that of one stream, or of one source")
    .option("--status <status>", "waiting for a decision, or done, rejected, nothing, incomplete … or any", "waiting")
    .option("--limit <n>", "at most this many", count, 50)
    .option("--json", "print as JSON, one line for each")
    .action((options) => inContext(async (context) => (await load()).list(context, options)));
  define(
    "show <run>",
    "show what one full run found gone, with some of the keys, as JSON",
    "penstock deletions show 0c6f…",
  ).action((runId) => inContext(async (context) => (await load()).show(context, runId)));
  const verbs = { approve: "mark the records as deleted", reject: "keep the records as they are" } as const;
  for (const [verb, description] of Object.entries(verbs))
    define(`${verb} <run>`, description, `penstock deletions ${verb} 0c6f… --reason 'asked the vendor'`)
      .option("--reason <text>", "why; kept in the audit log")
      .option("--json", "print the result as one line of JSON")
      .action((runId, options) =>
        inContext(async (context) =>
          (await load()).decide(context, runId, { ...options, isApproved: verb === "approve" }),
        ),
      );
}

function defineCheckpoint(group: Command, inContext: InContext): void {
  const load = () => import("./commands/checkpoint.ts");
  const changes = (command: Command) =>
    command
      .option("--partition <name>", "another one than live")
      .option("--reason <text>", "why; kept in the audit log")
      .option("--json", "print as one line of JSON");
  const define = definerOf(group);
  define(
    "show <source.stream>",
    "show a stream's checkpoints: bound, watermark, fence",
    "penstock checkpoint show usgs.earthquakes",
  )
    .option("--limit <n>", "at most this many partitions", count, 50)
    .option("--json", "one line of JSON per partition")
    .action((name, options) => inContext(async (context) => (await load()).show(context, name, options)));
  changes(
    define(
      "set <source.stream> <bound>",
      "have the next run start from a cursor value",
      "penstock checkpoint set usgs.earthquakes 2026-01-31T12:00:00Z",
    ),
  ).action((name, bound, options) => inContext(async (context) => (await load()).set(context, name, bound, options)));
  changes(
    define(
      "reset <source.stream>",
      "have the next run start from the beginning",
      "penstock checkpoint reset usgs.earthquakes",
    ),
  ).action((name, options) => inContext(async (context) => (await load()).reset(context, name, options)));
}

function count(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new ConfigError("CONFIG_INVALID", `expected a whole number above 0, got ${text}`);
}
