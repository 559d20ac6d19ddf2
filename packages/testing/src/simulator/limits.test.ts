import { expect, test } from "vitest";
import { createTokenBucket, type SimulatedLimit } from "./limits.ts";

const startAt = Date.UTC(2026, 0, 1);

function bucket(options: Partial<SimulatedLimit>) {
  const clock = { at: startAt };
  const take = createTokenBucket({ max: 2, perMs: 10_000, ...options }, () => clock.at);
  return { take, pass: (ms: number) => (clock.at += ms) };
}

test("gives what it holds, and then one as each becomes due", () => {
  const { take, pass } = bucket({});
  expect([take(), take(), take()].map(({ isAllowed }) => isAllowed)).toEqual([true, true, false]);
  pass(4_999);
  expect(take().isAllowed).toBe(false);
  pass(1);
  expect([take(), take()].map(({ isAllowed }) => isAllowed)).toEqual([true, false]);
  pass(1_000_000);
  expect([take(), take(), take()].map(({ isAllowed }) => isAllowed)).toEqual([true, true, false]);
});

test.each<[NonNullable<SimulatedLimit["retryAfter"]>, string | undefined]>([
  ["seconds", "5"],
  ["date", "Thu, 01 Jan 2026 00:00:05 GMT"],
  ["past-date", "Wed, 31 Dec 2025 00:00:00 GMT"],
  ["zero", "0"],
  ["huge", "31536000"],
  ["none", undefined],
])("a refusal says %s", (retryAfter, expected) => {
  const { take } = bucket({ retryAfter });
  expect(take().headers).toEqual({});
  take();
  expect(take().headers["retry-after"]).toBe(expected);
});

test.each<[NonNullable<SimulatedLimit["headers"]>, Record<string, string>]>([
  ["ratelimit", { "ratelimit-limit": "2", "ratelimit-remaining": "0", "ratelimit-reset": "5" }],
  ["x-ratelimit-delta", { "x-ratelimit-limit": "2", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "5" }],
  ["x-ratelimit-epoch-s", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767225605" }],
  ["x-ratelimit-epoch-ms", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767225605000" }],
  ["ratelimit-structured", { "ratelimit-policy": '"default";q=2;w=10', ratelimit: '"default";r=0;t=5' }],
])("an answer says in %s what is left", (headers, expected) => {
  const { take } = bucket({ headers });
  take();
  expect(take().headers).toMatchObject(expected);
});
