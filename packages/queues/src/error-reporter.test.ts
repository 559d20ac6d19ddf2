import { expect, test } from "vitest";
import { createErrorReporter } from "./error-reporter.ts";

const refused = () => Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" });

test("the same trouble is told once per half minute, with how often it was left out", () => {
  const told: object[] = [];
  let now = 0;
  const report = createErrorReporter({ warn: (fields) => void told.push(fields) }, 30_000, () => now);
  for (let times = 0; times < 5; times++) report("transform", refused());
  report("transform", new Error("another"));
  expect(told).toMatchObject([{ code: "ECONNREFUSED", leftOut: 0 }, { reason: "another" }]);
  now = 30_000;
  report("transform", refused());
  expect(told.at(-1)).toMatchObject({ code: "ECONNREFUSED", leftOut: 4 });
});

test("what the failed command carried is not told", () => {
  const told: object[] = [];
  const error = Object.assign(new Error("READONLY"), { command: { name: "auth", args: ["hush"] } });
  createErrorReporter({ warn: (fields) => void told.push(fields) })("transform", error);
  expect(JSON.stringify(told)).not.toContain("hush");
});
