import type { Command } from "commander";
import { definerOf } from "./define-command.ts";
import type { InContext } from "./program.ts";

/** Keys of the HTTP API. */
export function defineKeys(group: Command, inContext: InContext): void {
  const load = () => import("./commands/keys.ts");
  const define = definerOf(group);
  define(
    "create <name>",
    "make a key and print it: it cannot be shown again",
    "penstock keys create reports --scope read --expires 90d",
  )
    .option("--scope <scope>", "what it may do: read, operate (run, pause, redrive …) or admin", "read")
    .option("--expires <duration>", "when it ends by itself: 12h, 90d; otherwise never")
    .option("--json", "print as one line of JSON")
    .action((name, options) => inContext(async (context) => (await load()).create(context, name, options)));
  define("list", "list keys, newest first", "penstock keys list")
    .option("--json", "one line of JSON per key")
    .action((options) => inContext(async (context) => (await load()).list(context, options)));
  define(
    "revoke <id>",
    "end a key, and the sessions of browsers that logged in with it",
    "penstock keys revoke 0c6f… --reason 'was in a log'",
  )
    .option("--reason <text>", "why; kept in the audit log")
    .action((id, options) => inContext(async (context) => (await load()).revoke(context, id, options)));
}
