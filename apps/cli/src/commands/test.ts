import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { countResults, type VitestReport } from "./test-count.ts";

const projects = ["unit", "integration", "e2e"];
const root = join(import.meta.dirname, "../../../..");
const closingReporter = "./packages/testing/src/closing-reporter.ts";

/**
 * Runs the tests: all of them, or with `--unit`, `--integration`, `--e2e` those; other arguments go to vitest, names of
 * files among them. The last line of the output is `N passed, N failed`, with `, N skipped` if any were. Returns the exit code.
 */
export async function runTests(argv: readonly string[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "penstock-tests-"));
  const reportFile = join(folder, "report.json");
  try {
    const exitCode = await runVitest(argv, reportFile);
    const { passed, failed, skipped } = countResults(await readReport(reportFile), exitCode);
    process.stdout.write(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
    return failed > 0 ? 1 : exitCode;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runVitest(argv: readonly string[], reportFile: string): Promise<number> {
  const chosen = projects.filter((project) => argv.includes(`--${project}`));
  const rest = argv.filter((argument) => !projects.some((project) => argument === `--${project}`));
  const vitest = join(dirname(createRequire(join(root, "package.json")).resolve("vitest/package.json")), "vitest.mjs");
  const reporters = ["default", closingReporter, "json"].map((reporter) => `--reporter=${reporter}`);
  const only = chosen.map((project) => `--project=${project}`);
  const child = spawn(
    process.execPath,
    [vitest, "run", ...only, ...reporters, `--outputFile.json=${reportFile}`, ...rest],
    {
      cwd: root,
      stdio: "inherit",
    },
  );
  const [code] = await once(child, "exit");
  return typeof code === "number" ? code : 1;
}

/** Nothing when vitest ended before it could write one. */
async function readReport(path: string): Promise<VitestReport | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}
