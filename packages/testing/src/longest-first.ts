import { BaseSequencer, type TestSpecification } from "vitest/node";

/*
 * On a clean checkout Vitest knows nothing of how long a file takes and begins with the largest ones. The files that take longest are
 * others, and one that is begun last keeps everybody waiting.
 */

/** Longest first; each takes more than half a minute on two cores. */
const longest = [
  "tests/e2e/scaling.test.ts",
  "tests/e2e/external-api.test.ts",
  "tests/chaos/crash-matrix.chaos.ts",
  "tests/e2e/containers.test.ts",
  "tests/chaos/outages.chaos.ts",
  "tests/e2e/dashboard.test.ts",
  "tests/e2e/deletions.test.ts",
  "tests/e2e/backfill.test.ts",
  "tests/e2e/full-disk.test.ts",
  "tests/e2e/processes.test.ts",
  "tests/e2e/managed.test.ts",
  "tests/chaos/sigkill-matrix.chaos.ts",
  "packages/pipeline/src/fleet.integration.test.ts",
  "packages/queues/src/enqueue.integration.test.ts",
  "packages/queues/src/embedded.integration.test.ts",
  "packages/queues/src/worker.integration.test.ts",
  "packages/queues/src/stop-worker.integration.test.ts",
  "packages/queues/src/lasting-pglite.integration.test.ts",
  "apps/api/src/fuzz.integration.test.ts",
  "packages/pipeline/src/fuzz.integration.test.ts",
  "packages/source/src/large-body.integration.test.ts",
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rankOf = ({ moduleId }: TestSpecification) => {
      const rank = longest.findIndex((file) => moduleId.endsWith(`/${file}`));
      return rank < 0 ? longest.length : rank;
    };
    const groupOf = ({ project }: TestSpecification) => project.config.sequence.groupOrder;
    return sorted.toSorted((a, b) => groupOf(a) - groupOf(b) || rankOf(a) - rankOf(b));
  }
}
