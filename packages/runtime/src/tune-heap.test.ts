import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { heapFlags } from "./tune-heap.ts";

test("this Node's V8 has the flags: of others it says that it does not know them, and goes on", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["--v8-options"]);
  const known = stdout.split("\n").map((line) => /^\s+--([\w-]+)/.exec(line)?.[1]);
  for (const flag of heapFlags("transformer"))
    expect(known).toContain(flag.replace(/^--(no-)?/, "").replace(/=.*/, ""));
});
