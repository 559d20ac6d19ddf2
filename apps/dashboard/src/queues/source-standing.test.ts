import { expect, test } from "vitest";
import { standingOf } from "./source-standing.ts";

const asked = { isConfigured: true, breaker: "closed", heldUntil: null } as const;
const later = "2026-01-01T12:00:00.000Z";

test.each([
  ["asked as usual", {}],
  ["not configured", { isConfigured: false }],
  ["throttles", { heldUntil: later }],
  ["held back", { breaker: "open", heldUntil: later }],
  ["tried again", { breaker: "half-open" }],
] as const)("%s", (word, state) => {
  expect(standingOf({ ...asked, ...state }).at(-1)).toBe(word);
});
