import type { Command } from "commander";
import type { InContext } from "./program.ts";

/** Keys of the HTTP API. */
export function defineKeys(group: Command, inContext: InContext): void {
  const load = () => import("./commands/keys.ts");
  group
    .command("create <name>")
    .description("make a key and print it: it cannot be shown again")
    .option("--scope <scope>", "what it may do: read, operate (run, pause, redrive …) or admin", "read")
    .option("--expires <duration>", "when it ends by itself: 12h, 90d; otherwise never")
    .option("--json", "print as one line of JSON")
    .action((name, options) => inContext(async (context) => (await load()).create(context, name, options)));
  group
    .command("list")
    .description("list keys, newest first")
    .option("--json", "one line of JSON per key")
    .action((options) => inContext(async (context) => (await load()).list(context, options)));
  group
    .command("revoke <id>")
    .description("end a key, and the sessions of browsers that logged in with it")
    .option("--reason <text>", "why; kept in the audit log")
    .action((id, options) => inContext(async (context) => (await load()).revoke(context, id, options)));
}
