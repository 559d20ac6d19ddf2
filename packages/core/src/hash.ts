import { createHash, hash } from "node:crypto";

/** SHA-256 of a text's UTF-8 bytes, as 64 hex digits. Tells contents apart; keeps no secret. */
export function contentHash(text: string | Uint8Array): string {
  return hash("sha256", text, "hex");
}

/** {@link contentHash} of a text that comes in pieces. */
export type HashInPieces = { add(piece: string): void; digest(): string };

export function hashInPieces(): HashInPieces {
  const sum = createHash("sha256");
  return { add: (piece) => void sum.update(piece), digest: () => sum.copy().digest("hex") };
}

/** The first 12 hex digits of {@link contentHash}: short enough for a job id, unlikely to collide within one page. */
export function shortHash(text: string): string {
  return contentHash(text).slice(0, 12);
}
