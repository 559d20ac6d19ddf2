import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { zstdCompress } from "node:zlib";
import { keysOf } from "@penstock/core/record";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PackedPage } from "./page-transformer.ts";
import { createTransformThreads } from "./transform-threads.ts";

const compress = promisify(zstdCompress);
const file = (name: string) => join(import.meta.dirname, "../../source/src", name);

/** A source whose transform does what the record says. */
const definition = `
import { z } from ${JSON.stringify(import.meta.resolve("zod"))};
import { defineSource, defineStream } from ${JSON.stringify(file("define-source.ts"))};
const schema = z.object({ id: z.string() });
const behave = { exit: () => process.exit(3), loop: () => { for (;;); }, fail: () => { throw new Error("as told"); } };
export default defineSource({ name: "odd", baseUrl: "http://127.0.0.1", streams: {
  things: defineStream({ path: "/", key: "id", schema, output: schema, transform: (record) => behave[record.id]?.() ?? record }),
} });
`;

let folder: string;
let stack: AsyncDisposableStack;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "penstock-threads-"));
  await writeFile(join(folder, "odd.ts"), definition);
  stack = new AsyncDisposableStack();
});
afterEach(async () => {
  await stack.disposeAsync();
  await rm(folder, { recursive: true });
});

async function pageOf(...ids: string[]): Promise<PackedPage> {
  const zstd = await compress(Buffer.from(JSON.stringify(ids.map((id) => ({ id })))));
  const origin = { source: "odd", stream: "things", partition: "live", runId: "r", seq: 4 };
  return { ...origin, observedAt: new Date("2026-01-01T00:00:00Z"), traceId: null, zstd, format: "sqlite" };
}

const open = (timeoutMs?: number) =>
  stack.use(createTransformThreads({ threads: 1, timeoutMs }, { sourcesDir: folder, env: {} }));

test("a page comes back as records and letters", async () => {
  const page = await open().transform(await pageOf("b", "fail", "a", "b"));
  expect(keysOf(page.records)).toEqual(["a", "b"]);
  expect(page).toMatchObject({ duplicate: 1, filtered: 0, watermark: null });
  expect(page.letters).toMatchObject([{ code: "TRANSFORM_FAILED", payload: '{"id":"fail"}', runId: "r", seq: 4 }]);
  expect(page.letters[0]?.observedAt).toEqual(new Date("2026-01-01T00:00:00Z"));
});

test("what cannot be unpacked keeps its code", async () => {
  const page = { ...(await pageOf("a")), zstd: Buffer.from("no zstd") };
  await expect(open().transform(page)).rejects.toMatchObject({ name: "PermanentError", code: "PAYLOAD_UNREADABLE" });
  const unknown = { ...(await pageOf("a")), source: "other" };
  await expect(open().transform(unknown)).rejects.toMatchObject({ name: "PermanentError", code: "SOURCE_UNKNOWN" });
});

test.each(["exit", "loop"])(
  "a transform that does not come back (%s) costs its own page a try, and no other",
  async (what) => {
    const threads = open(3_000);
    await threads.transform(await pageOf("a"));
    const stopped = {
      name: "TransientError",
      code: "TRANSFORM_STOPPED",
      details: { source: "odd", stream: "things", seq: 4 },
    };
    await expect(threads.transform(await pageOf(what))).rejects.toMatchObject(stopped);
    await expect(threads.transform(await pageOf("c"))).resolves.toMatchObject({ records: { inputs: [0] } });
  },
);
