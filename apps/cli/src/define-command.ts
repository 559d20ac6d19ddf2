import type { Command } from "commander";

/** Adds a command: how it is called, what it does, and one call as an example for its `--help`. */
export type Define = (signature: string, description: string, example: string) => Command;

const exitHelp = `
Exit codes: 0 done (of a run: succeeded) · 1 a run did not succeed · 2 wrong configuration or arguments ·
            3 database or queue does not answer · 4 no such dead letter, deletion or backfill · 130 interrupted`;

/** Adds commands to the program itself, or to one of its groups. */
export function definerOf(parent: Command): Define {
  return (signature, description, example) =>
    parent.command(signature).description(description).addHelpText("after", `\nExample:\n  ${example}\n${exitHelp}`);
}
