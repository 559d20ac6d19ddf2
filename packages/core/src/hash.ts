import { hash } from "node:crypto";

/** SHA-256 of a text's UTF-8 bytes, as 64 hex digits. Tells contents apart; keeps no secret. */
export function contentHash(text: string): string {
  return hash("sha256", text, "hex");
}

/** The first 12 hex digits of {@link contentHash}: short enough for a job id, unlikely to collide within one page. */
export function shortHash(text: string): string {
  return contentHash(text).slice(0, 12);
}
