import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A folder for the running test. Removed when the test passed; kept, and named in the output, when it failed. */
export async function testDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "penstock-test-"));
  onTestFinished(async ({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`kept for "${task.name}": ${dir}\n`);
    else await rm(dir, { recursive: true, force: true });
  });
  return dir;
}
