import type { Reporter, Vitest } from "vitest/node";

/** Ends the run's output with one line per kind of test that could not run on this machine, and why. */
export default class LeftOutReporter implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(): void {
    const lines = this.#vitest?.getProvidedContext().leftOut ?? [];
    if (lines.length > 0) this.#vitest?.logger.log(`\n${lines.join("\n")}`);
  }
}
