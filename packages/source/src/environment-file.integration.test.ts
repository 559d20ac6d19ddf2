import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testDir } from "@penstock/testing/temp-dir";
import { expect, test } from "vitest";
import { z } from "zod";
import { readEnvironment } from "./environment.ts";

const schema = z.object({ SHOP_TOKEN: z.string() });

test("a variable may be in a file; the variable itself comes first", async () => {
  const path = join(await testDir(), "token");
  await writeFile(path, "s3cret \n");
  const read = (env: Record<string, string>) => readEnvironment("shop", schema, env);
  expect(read({ SHOP_TOKEN_FILE: path })).toEqual({
    isComplete: true,
    values: { SHOP_TOKEN: "s3cret " },
    secrets: ["s3cret "],
  });
  expect(read({ SHOP_TOKEN_FILE: path, SHOP_TOKEN: "set" })).toEqual({
    isComplete: true,
    values: { SHOP_TOKEN: "set" },
    secrets: ["set"],
  });
  await writeFile(path, "\n");
  expect(read({ SHOP_TOKEN_FILE: path })).toMatchObject({ isComplete: false });
  expect(() => read({ SHOP_TOKEN_FILE: `${path}/none` })).toThrow(/SHOP_TOKEN_FILE: expected a file that can be read/);
});
