import { expect, test } from "vitest";
import { progressText } from "./progress.ts";

test("progress says how far, how fast and how long still, by what this process did", () => {
  const text = progressText({ done: 75, remaining: 25, unit: "pages" }, 50, 10_000);
  expect(text).toBe(`${"█".repeat(23)}${"░".repeat(7)} 75 %  75 of 100 pages, 5.0 pages/s, 5 s left`);
  expect(progressText({ done: 0, remaining: 0, unit: "pages" }, 0, 0)).toContain("100 %  0 of 0 pages");
});
