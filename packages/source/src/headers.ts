/** Header fields of an answer by lower-case name; the values of one that came several times are joined (RFC 9110 §5.3). */
export function singleHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]));
}

/** The API's own clock. */
export function dateOf({ date }: Readonly<Record<string, string>>): Date | null {
  const instant = new Date(date ?? Number.NaN);
  return Number.isNaN(instant.getTime()) ? null : instant;
}

/**
 * Refuses a value that no header can hold (RFC 9110 §5.5, with what Node.js sends besides), without showing it: it would be found out
 * with the first request only, and look like a connection that fails.
 *
 * @throws RangeError
 */
export function checkHeaderValue(what: string, value: string): void {
  const { index } = /[^\t\x20-\x7e\x80-\xff]/.exec(value) ?? {};
  if (index === undefined) return;
  const kind = /[\r\n]/.test(value.charAt(index)) ? "a line end" : "a character that no header can hold";
  throw new RangeError(`${what} has ${kind} at position ${index + 1} of ${value.length}`);
}
