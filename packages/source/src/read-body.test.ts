import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { readBody } from "./read-body.ts";

test.each([
  [undefined, "broken"],
  ["compress", "which was not asked for"],
])("a body that broke before anybody read it fails its reader, and nobody else: %s", async (encoding, message) => {
  const body = new Readable({ read: () => undefined });
  body.destroy(new Error("broken"));
  await expect(readBody(body, encoding, 10)).rejects.toThrow(message);
});
