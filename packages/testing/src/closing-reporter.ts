import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { Reporter, TestCase, TestModule, Vitest } from "vitest/node";

/**
 * Ends the run's output with what must not be scrolled away: a line for each test that failed, each that passed at its second attempt
 * only, and each kind that could not run on this machine, and why.
 */
export default class ClosingReporter implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const lines = [
      ...modules.flatMap((module) =>
        module.errors().map(({ message }) => `failed: ${fileOf(module)}: ${firstLine(message)}`),
      ),
      ...tests.filter((test) => test.result().state === "failed").map((test) => `failed: ${told(test)}`),
      ...tests.filter((test) => test.diagnostic()?.flaky).map((test) => `failed once, then passed: ${told(test)}`),
      ...(this.#vitest?.getProvidedContext().leftOut ?? []),
    ];
    if (lines.length > 0) this.#vitest?.logger.log(`\n${lines.join("\n")}`);
  }
}

function told(test: TestCase): string {
  const messages = (test.result().errors ?? []).map(
    ({ message, diff = "" }) => `${firstLine(message)}${changes(diff)}`,
  );
  return `${fileOf(test.module)}: ${test.fullName}: ${messages.join("; ")}`;
}

const changesTold = 8;

/** What differs, without what is the same: the message leaves out most of both. */
function changes(diff: string): string {
  const lines = stripVTControlCharacters(diff).split("\n");
  const changed = lines.filter((line) => /^[-+] {2}/.test(line)).map((line) => line.replace(/\s+/g, " "));
  return changed.length === 0 ? "" : ` (${changed.slice(0, changesTold).join(" ")})`;
}

const fileOf = (module: TestModule) => relative(process.cwd(), module.moduleId);
const firstLine = (message: string) => message.split("\n", 1)[0] ?? "";
