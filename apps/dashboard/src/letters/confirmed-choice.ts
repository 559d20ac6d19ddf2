import { mostLettersAtOnce } from "@penstock/api-contract/most-letters";
import type { RouteBody } from "@penstock/api-contract/routes";

type Choice = RouteBody<"redriveLetters">;

/** Of the letters that a choice matches, those that one confirmation acts on. */
export function countOf(matched: number): number {
  return Math.min(matched, mostLettersAtOnce);
}

/** What is asked for when a choice that matched so many was confirmed: all of those, and none that came since. */
export function bodyFor(choice: Choice, matched: number, reason: string): Choice {
  const given = reason.trim();
  return { ...choice, limit: countOf(matched), ...(given !== "" && { reason: given }) };
}
