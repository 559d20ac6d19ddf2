import { isJsonObject, type JsonValue } from "@penstock/core/json";

/** Takes credentials out of a text. */
export type Conceal = (text: string) => string;

export const shown = "[concealed]";

/**
 * APIs repeat credentials in their answers, which errors quote, and in the links they give. Each secret is found as it is
 * and as URLs, forms and JSON write it.
 */
export function concealing(secrets: () => Iterable<string>): Conceal {
  return (text) =>
    [...new Set([...secrets()].flatMap(spellings))]
      // The longest first, lest a part of it be replaced and the rest remain.
      .sort((a, b) => b.length - a.length)
      .reduce((concealed, secret) => concealed.replaceAll(secret, shown), text);
}

/** A text as it is, and as URLs, forms and JSON write it. */
export function spellings(secret: string): string[] {
  if (secret === "") return [];
  const inForm = new URLSearchParams({ s: secret }).toString().slice("s=".length);
  return [secret, encodeURIComponent(secret.toWellFormed()), inForm, JSON.stringify(secret).slice(1, -1)];
}

const words =
  "token|secret|password|passwd|passphrase|api[-_]?key|private[-_]?key|authorization|credential|signature|session|cookie";
/** Short ones stand in words that are none. */
const wholeWords = "sig|auth|pwd|jwt";
const secretNames = String.raw`[\w-]*(?:${words}|(?<![a-z])(?:${wholeWords})(?![a-z]))[\w-]*`;
/** `"name": `, `name=`, `<name>`, `name="…" value=`; quotes may be escaped, where JSON stands in JSON. */
const quote = String.raw`\\*["']?`;
const until = String.raw`(?:\s*[:=>]\s*|\s+(?:value|content)\s*=\s*)`;
const values = [
  String.raw`"(?:[^"\\]|\\.)*"?`,
  "'[^']*'?",
  String.raw`\\+"[^"]*"?`,
  String.raw`(?:(?:bearer|basic|digest|token)\s+)?[^\s"'&,;}<]+`,
];
const namedSecret = new RegExp(`((?<![\\w-])${quote}${secretNames}${quote}${until})(${values.join("|")})`, "gi");
/** Who says who they are in an address. */
const account = /(:\/\/)[^\s/?#"'\\@]+@/g;

const secretField = new RegExp(`^${secretNames}$`, "i");

/** Whether a field is called as secrets are. */
export const isNamedSecret = (name: string): boolean => secretField.test(name);

/**
 * Takes out what stands behind the name of a secret, `"access_token": "…"` or `password=…`, and accounts in addresses: secrets that an
 * API makes up itself are known by where they stand only.
 */
export function concealNamed(text: string): string {
  return text
    .replace(account, (_all, before: string) => `${before}${shown}@`)
    .replace(namedSecret, (_all, name: string) => `${name}${shown}`);
}

/**
 * A JSON value with the secrets taken out of those of its texts that are links, and the accounts, which are not sent; others are
 * tokens, which must stay whole.
 */
export function concealLinks(value: JsonValue, conceal: Conceal): JsonValue {
  if (typeof value === "string") return /^\/|^\?|:\/\//.test(value) ? conceal(value).replace(account, "$1") : value;
  if (Array.isArray(value)) return value.map((item) => concealLinks(item, conceal));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, concealLinks(field, conceal)]));
}
