import type { JsonValue } from "@penstock/core/json";

const shownChars = 80;

/** A value's type and, shortened, what it is, for an error message: `string "12,5"`, `nothing`, `object with mag, place`. */
export function describeValue(value: JsonValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `array of ${value.length}`;
  if (typeof value === "object")
    return `object with ${escapeExcerpt(Object.keys(value).slice(0, 8).join(", ")) || "no fields"}`;
  return typeof value === "string" ? `string "${escapeExcerpt(value)}"` : `${typeof value} ${value}`;
}

/** At most 80 characters of a text from outside, with everything escaped that could confuse a terminal or a log. */
export function escapeExcerpt(text: string): string {
  const shown = text.slice(0, shownChars).replace(/[\p{C}\u2028\u2029"\\]/gu, escapeCharacter);
  return text.length > shownChars ? `${shown}…` : shown;
}

function escapeCharacter(character: string): string {
  if (character === '"' || character === "\\") return `\\${character}`;
  if (character === "\n") return "\\n";
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
