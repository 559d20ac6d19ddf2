import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { exitCodes } from "@penstock/runtime/failure";
import { beforeAll, describe, expect, test } from "vitest";
import { codeBlocks, type Page, readPage, readPages, root, section, tableRows } from "./markdown.ts";

/** Commands as the program's own help lists them: `run`, `dead-letters list`, … */
let commands: string[];
/** Commands that have commands of their own. */
const groups = ["backfills", "checkpoint", "dead-letters", "deletions", "keys"];

beforeAll(async () => {
  const top = await listedBy([]);
  const grouped = await Promise.all(
    groups.map(async (group) => (await listedBy([group])).map((name) => `${group} ${name}`)),
  );
  commands = [...top.filter((name) => !groups.includes(name)), ...grouped.flat()];
});

async function help(args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(root, "apps/cli/src/main.ts"),
    ...args,
    "--help",
  ]);
  return stdout;
}

async function listedBy(args: string[]): Promise<string[]> {
  const [, list = ""] = /^Commands:\n((?: {2}.*\n)*)/m.exec(await help(args)) ?? [];
  const names = [...list.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = ""]) => name);
  return names.filter((name) => name !== "help");
}

/** Command lines that call penstock, in code blocks and code spans. */
function calls(page: Page): string[] {
  const blocks = codeBlocks(page, "sh").flatMap((block) => block.split("\n"));
  const spans = [...page.text.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  return [...blocks, ...spans].flatMap((line) => /^(?:\.\/)?penstock (?!…)(.+)/.exec(line)?.[1] ?? []);
}

function isKnown(call: string): boolean {
  const [name = "", next = ""] = call.split(/\s+/);
  if (name.startsWith("--")) return ["--help", "--verbose"].includes(name);
  return commands.includes(name) || commands.includes(`${name} ${next}`) || groups.includes(call);
}

describe("commands", () => {
  test("the README's table has every one of them, and no other", async () => {
    const rows = tableRows(section(await readPage("README.md"), "Commands"));
    const named = rows.map(([call = ""]) => call.replace("./penstock ", "").replace(/ [<[].*$/, ""));
    expect(named.toSorted()).toEqual(commands.toSorted());
  });

  test("those that the pages call exist", async () => {
    const called = (await readPages()).flatMap((page) => calls(page).map((call) => ({ path: page.path, call })));
    expect(called.length).toBeGreaterThan(30);
    expect(called.filter(({ call }) => !isKnown(call))).toEqual([]);
  });

  test("take the options that the README gives them, and show an example of themselves and the exit codes", async () => {
    const rows = tableRows(section(await readPage("README.md"), "Commands"));
    // The tests hand options on to the test runner, so that their help cannot list them.
    const others = rows.filter(([call = ""]) => !call.includes("penstock test"));
    const [, listed = ""] = /^(`.*) take `--json`/m.exec((await readPage("README.md")).text) ?? [];
    const withJson = [...listed.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
    for (const [call = "", text = ""] of others) {
      const command = call.replace("./penstock ", "").replace(/ [<[].*$/, "");
      const taken = await help(command.split(" "));
      for (const [option] of text.matchAll(/--[a-z-]+/g)) expect(taken, call).toContain(option);
      expect(taken).toContain(`\nExample:\n  penstock ${command}`);
      expect(taken, call).toContain("\nExit codes: ");
      const isListed = withJson.some((name) => command === name || command.startsWith(`${name} `));
      expect([call, isListed]).toEqual([call, taken.includes("--json")]);
    }
    // A process for each command: more than the usual time on a busy machine.
  }, 120_000);
});

test("docs/operations.md lists the exit codes that there are", async () => {
  const rows = tableRows(section(await readPage("docs/operations.md"), "Exit codes"));
  expect(rows.map(([code]) => Number(code))).toEqual(Object.values(exitCodes));
});

test("the help names the exit codes that there are", async () => {
  const text = await help(["run"]);
  const named = [...text.slice(text.indexOf("Exit codes:")).matchAll(/\b(\d+) [a-z]/g)].map(([, code]) => Number(code));
  expect(named).toEqual(Object.values(exitCodes));
});
