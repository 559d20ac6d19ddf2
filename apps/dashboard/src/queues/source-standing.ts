import type { SourceState } from "../client/models.ts";

const breakers = {
  closed: ["good", "✓", "asked as usual"],
  "half-open": ["warn", "!", "tried again"],
  open: ["bad", "✕", "held back"],
} as const;

/** Whether a source is asked, in a word. One that lacks a variable is not, and one that throttles is left alone with a closed breaker. */
export function standingOf({
  isConfigured,
  breaker,
  heldUntil,
}: Pick<SourceState, "isConfigured" | "breaker" | "heldUntil">) {
  if (!isConfigured) return ["still", "○", "not configured"] as const;
  if (breaker === "closed" && heldUntil !== null) return ["warn", "!", "throttles"] as const;
  return breakers[breaker];
}
