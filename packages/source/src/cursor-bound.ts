import { compoundParts } from "@penstock/core/cursor";
import { cursorText } from "./cursor-field.ts";
import type { Stream } from "./model.ts";

/**
 * A cursor value as a person writes it, as the bound that a run of this stream can start from: `2026-01-31` becomes
 * `2026-01-31T00:00:00.000Z`. `null` when it is none, or the stream has no cursor.
 */
export function boundOf({ cursor }: Pick<Stream, "cursor">, text: string): string | null {
  if (cursor === undefined) return null;
  if (cursor.kind === "compound") return isCompound(text) ? text : null;
  return cursorText(cursor.kind, cursor.kind === "number" && text.trim() !== "" ? Number(text) : text);
}

function isCompound(text: string): boolean {
  try {
    const parts = compoundParts(text);
    return (
      Array.isArray(parts) && parts.length > 0 && parts.every((part) => ["string", "number"].includes(typeof part))
    );
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
