/** Header fields of an answer by lower-case name; the values of one that came several times are joined (RFC 9110 §5.3). */
export function singleHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]));
}

/** The API's own clock. */
export function dateOf({ date }: Readonly<Record<string, string>>): Date | null {
  const instant = new Date(date ?? Number.NaN);
  return Number.isNaN(instant.getTime()) ? null : instant;
}
