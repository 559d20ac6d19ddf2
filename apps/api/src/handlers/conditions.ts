import { type Comparison, comparisons } from "@penstock/api-contract/records";
import { ConfigError } from "@penstock/core/errors";
import type { Condition, Scalar } from "@penstock/store/queries/queries";

/**
 * `field:comparison:value` as a condition for the database.
 *
 * @throws ConfigError `REQUEST_INVALID` for a value that the comparison cannot take
 */
export function conditionOf(text: string): Condition {
  const [, field = "", word = "", value = ""] = /^([^:]+):([a-z]+):(.*)$/s.exec(text) ?? [];
  const comparison = comparisons.find((known) => known === word) ?? "eq";
  const path = field.split(".");
  if (comparison === "exists") return { path, comparison, isThere: flagOf(text, value) };
  if (comparison === "contains") return { path, comparison, text: value };
  if (comparison === "in") return { path, comparison, values: value.split(",").map(scalarOf) };
  return { path, comparison, value: orderable(text, comparison, scalarOf(value)) };
}

/** A JSON number, true, false, null or text in double quotes; anything else is text as it stands. */
function scalarOf(text: string): Scalar {
  if (!/^(-?\d|true$|false$|null$|")/.test(text)) return text;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "number") return Number.isFinite(value) ? value : text;
    return typeof value === "string" || typeof value === "boolean" || value === null ? withoutNul(value) : text;
  } catch {
    // Such as 2026-01-31, which begins as a number does.
    return text;
  }
}

/** An escape may spell what the request itself may not have. */
function withoutNul(value: string | boolean | null): Scalar {
  return typeof value === "string" ? value.replaceAll("\0", "\uFFFD") : value;
}

function flagOf(condition: string, text: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw unusable(condition, "exists takes true or false");
}

function orderable(condition: string, comparison: Exclude<Comparison, "in" | "contains" | "exists">, value: Scalar) {
  if (comparison === "eq" || comparison === "ne" || typeof value === "number" || typeof value === "string")
    return value;
  throw unusable(condition, `${comparison} takes a number or a text`);
}

function unusable(condition: string, why: string): ConfigError {
  return new ConfigError("REQUEST_INVALID", `where "${condition}": ${why}`, { path: "where", received: condition });
}
