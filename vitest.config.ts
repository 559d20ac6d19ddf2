import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./packages/testing/src/longest-first.ts";

const code = ["packages", "apps", "sources", "tests", "bench"];
const tests = code.map((folder) => `${folder}/**/*.test.ts`);
const integration = code.map((folder) => `${folder}/**/*.integration.test.ts`);
const e2e = "tests/e2e/**/*.test.ts";
// Servers, processes and times on a machine that shares its processors. The last lines of the output name each test that needed it.
const retry = process.env["CI"] === undefined ? 0 : 1;
const testing = "packages/testing/src";

export default defineConfig({
  test: {
    // The tests run what production runs: Node reading the TypeScript itself, nothing transformed in between.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    setupFiles: `./${testing}/leak-check.ts`,
    sequence: { sequencer: LongestFirst },
    reporters: ["default", `./${testing}/closing-reporter.ts`],
    // A worker that does not end by itself within this time is a leak; see leak-check.ts for leaks within a file.
    teardownTimeout: 5_000,
    dangerouslyIgnoreUnhandledErrors: false,
    passWithNoTests: false,
    allowOnly: false,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: tests,
          exclude: ["**/node_modules/**", ...integration, e2e],
          // No I/O and no module state: a process for each file would take longer than its tests.
          isolate: false,
          testTimeout: 2_000,
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: integration,
          exclude: ["**/node_modules/**", e2e],
          globalSetup: `./${testing}/global-setup.ts`,
          // They wait more than they compute.
          maxWorkers: Math.ceil(availableParallelism() * 1.5),
          testTimeout: 30_000,
          hookTimeout: 60_000,
          retry,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: [e2e],
          globalSetup: `./${testing}/global-setup.ts`,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Each of these starts processes of its own, and waits for them most of the time.
          maxWorkers: Math.ceil(availableParallelism() * 1.5),
          retry,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: "chaos",
          include: ["tests/chaos/*.chaos.ts"],
          globalSetup: `./${testing}/global-setup.ts`,
          testTimeout: 240_000,
          hookTimeout: 120_000,
          maxWorkers: Math.ceil(availableParallelism() * 1.5),
          retry,
          // Beside the end-to-end tests, so that no worker is idle while the last of these is waited for.
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
