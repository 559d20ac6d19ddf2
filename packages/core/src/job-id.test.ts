import { expect, test } from "vitest";
import { fetchJobId, redriveJobId, transformJobId } from "./job-id.ts";

test("the same page has the same id; another cursor or another content another", () => {
  expect(fetchJobId("r", 1, "a")).toBe(fetchJobId("r", 1, "a"));
  expect(fetchJobId("r", 1, "a")).not.toBe(fetchJobId("r", 1, "b"));
  expect(transformJobId("r", 1, "a", "h")).not.toBe(transformJobId("r", 1, "a", "i"));
  expect(transformJobId("r", 1, "a", "h")).not.toBe(transformJobId("r", 1, "b", "h"));
});

test("ids are what queues accept: no colon, not a number", () => {
  for (const id of [fetchJobId("r", 1, "a"), transformJobId("r", 1, "a", "h"), redriveJobId("5", 2)]) {
    expect(id).toMatch(/^[FTR]_[\w-]+$/);
  }
});
