import { type Conceal, concealing, shown, spellings } from "./conceal.ts";
import type { Source } from "./model.ts";
import { harmlessHeaders } from "./observe-requests.ts";

/** What credentials are called. */
export const secretName = /token|secret|passw|key|auth|signature|credential/i;

/** Shorter ones are version numbers and the like, which stand everywhere in a text by chance. */
const shortestSecret = 8;

export const isLongEnough = (secret: string): boolean => secret.length >= shortestSecret;

/**
 * What may be secret among a source's own headers and query, which get their values from the environment as `auth` does. In
 * a text that is only quoted every header is concealed that is not known to be harmless; in a link, which must still lead
 * somewhere, only what is called as credentials are, and of the query only the parameter itself.
 */
export function statedSecrets({ headers, query }: Pick<Source, "headers" | "query">): StatedSecrets {
  const named = concealing(() => long(Object.entries(headers).filter(([name]) => secretName.test(name))));
  const unknown = Object.entries(headers).filter(([name]) => !harmlessHeaders.has(name.toLowerCase()));
  const inQuery = Object.entries(query).filter(([name]) => secretName.test(name));
  return {
    inTexts: concealing(() => long([...unknown, ...inQuery])),
    inLinks: (link) => inQuery.reduce(withoutParameter, named(link)),
    query: Object.fromEntries(inQuery),
  };
}

export type StatedSecrets = {
  inTexts: Conceal;
  inLinks: Conceal;
  /** What is to be put back into a link. */
  query: Record<string, string>;
};

function withoutParameter(link: string, [name, value]: [string, string]): string {
  return spellings(value).reduce((rest, spelling) => rest.replaceAll(`${name}=${spelling}`, `${name}=${shown}`), link);
}

function long(fields: [name: string, value: string][]): string[] {
  return fields.map(([, value]) => value).filter(isLongEnough);
}
