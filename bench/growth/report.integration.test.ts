import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { chartsOf, withGrowth } from "./report.ts";
import { readGrowth } from "./results.ts";
import { growingNames } from "./ways.ts";

const docs = (name: string) => readFile(join(import.meta.dirname, "../../docs", name), "utf8");

test("docs/performance.md and its charts say what was measured, in each of the ways to grow", async () => {
  const growth = await readGrowth();
  const page = await docs("performance.md");
  expect(withGrowth(page, growth)).toBe(page);
  const charts = chartsOf(growth);
  expect(charts).toHaveLength(growingNames.length);
  for (const [name, svg] of charts) expect(await docs(name)).toBe(svg);
});
