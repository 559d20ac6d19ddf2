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

const secretNames = String.raw`[\w-]*(?:token|secret|password|passwd|api[-_]?key|authorization|credential|session|cookie)[\w-]*`;
const namedSecret = new RegExp(
  String.raw`((?<![\w-])"?${secretNames}"?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|[^\s"&,;}]+)`,
  "gi",
);

/**
 * Takes out what stands behind the name of a secret, `"access_token": "…"` or `password=…`: secrets that an API makes up itself are
 * known by their names only.
 */
export function concealNamed(text: string): string {
  return text.replace(namedSecret, (_all, name: string) => `${name}${shown}`);
}

/** A JSON value with the secrets taken out of those of its texts that are links; others are tokens, which must stay whole. */
export function concealLinks(value: JsonValue, conceal: Conceal): JsonValue {
  if (typeof value === "string") return /^\/|^\?|:\/\//.test(value) ? conceal(value) : value;
  if (Array.isArray(value)) return value.map((item) => concealLinks(item, conceal));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, concealLinks(field, conceal)]));
}
