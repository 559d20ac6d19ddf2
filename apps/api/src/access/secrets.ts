import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/*
 * A key is `penstock_<id>_<secret>`: the id finds it, the secret proves it. The secret has 256 random bits, so that its plain
 * SHA-256 can be kept: there is nothing to guess, and nothing slow to be asked for with every request.
 */

const keyPattern = /^penstock_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

export type NewSecret = { id: string; key: string; secretHash: string };

export function createKeySecret(): NewSecret {
  const id = randomBytes(6).toString("hex");
  const secret = newToken();
  return { id, key: `penstock_${id}_${secret}`, secretHash: hashOf(secret) };
}

export function parseKey(text: string): { id: string; secret: string } | undefined {
  const [, id, secret] = keyPattern.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

export function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Compares in the same time wherever the first difference is. */
export function isSecret(secret: string, secretHash: string): boolean {
  return timingSafeEqual(Buffer.from(hashOf(secret), "hex"), Buffer.from(secretHash, "hex"));
}
