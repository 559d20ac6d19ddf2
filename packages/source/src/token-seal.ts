import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const saltBytes = 16;
const ivBytes = 12;
const tagBytes = 16;

/**
 * Encrypts with AES-256-GCM (NIST SP 800-38D) under a key made from `secret` by HKDF-SHA-256 (RFC 5869) with a salt of its
 * own. `id` is authenticated with it, so that what is stored for one client cannot be passed off as another's. Base64 of
 * salt, nonce, tag, ciphertext.
 */
export function seal(secret: string, id: string, text: string): string {
  const salt = randomBytes(saltBytes);
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv("aes-256-gcm", keyOf(secret, salt), iv).setAAD(Buffer.from(id));
  const ciphertext = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([salt, iv, cipher.getAuthTag(), ciphertext]).toString("base64");
}

/** @throws Error when it was sealed with another secret or for another id, or was changed since */
export function unseal(secret: string, id: string, sealed: string): string {
  const bytes = Buffer.from(sealed, "base64");
  const salt = bytes.subarray(0, saltBytes);
  const iv = bytes.subarray(saltBytes, saltBytes + ivBytes);
  const tag = bytes.subarray(saltBytes + ivBytes, saltBytes + ivBytes + tagBytes);
  const decipher = createDecipheriv("aes-256-gcm", keyOf(secret, salt), iv, { authTagLength: tagBytes })
    .setAAD(Buffer.from(id))
    .setAuthTag(tag);
  const ciphertext = bytes.subarray(saltBytes + ivBytes + tagBytes);
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString("utf8");
}

/** A name that tells clients apart and gives nothing of their secret away. */
export function sealId(secret: string, what: string): string {
  return Buffer.from(hkdfSync("sha256", secret, "", `penstock token id\n${what}`, 16)).toString("hex");
}

function keyOf(secret: string, salt: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, salt, "penstock token key", 32));
}
