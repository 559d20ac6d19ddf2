import { expect, it } from "vitest";
import { waitUntil } from "./wait-until.ts";

const quick = { what: "the page to be committed", timeoutMs: 20, intervalMs: 1 };

it("returns the first truthy answer", async () => {
  const answers = [0, undefined, "", "page 3", "page 4"];
  expect(await waitUntil(() => answers.shift(), quick)).toBe("page 3");
});

it("says what it waited for and what it saw last", async () => {
  await expect(waitUntil(() => null, quick)).rejects.toThrow(
    "Waited 20 ms for the page to be committed; the last answer was null",
  );
});

it("takes a probe that throws for not yet, and passes on the last error", async () => {
  const cause = new Error("no such table");
  const failure = waitUntil(() => Promise.reject(cause), quick);
  await expect(failure).rejects.toThrow(/the last try failed: Error: no such table/);
  await expect(failure).rejects.toMatchObject({ cause });
});
