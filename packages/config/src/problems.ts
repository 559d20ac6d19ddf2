import type { VariableMeta } from "./variable.ts";

/** One thing that is wrong with the configuration. */
export type Problem = { variable: string; expected: string; received: string };

export function describeProblem({ variable, expected, received }: Problem): string {
  return `${variable}: expected ${expected}, received ${received}`;
}

/** A value as it may be shown: secrets never, addresses without account and query. */
export function shown(
  value: string | undefined,
  { isSecret, isAddress }: Pick<VariableMeta, "isSecret" | "isAddress">,
): string {
  if (value === undefined) return "nothing";
  if (isSecret) return "a secret value (not shown)";
  return isAddress ? shownAddress(value) : JSON.stringify(value);
}

/** In a text that is no address, a password may stand anywhere. */
function shownAddress(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === "file:") return JSON.stringify(text);
  if (url === null || !text.startsWith(`${url.protocol}//`))
    return "a text that is no address (not shown: it may hold a password)";
  return JSON.stringify(`${url.protocol}//${url.host}${url.pathname}`);
}
