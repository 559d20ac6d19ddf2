/**
 * As Prisma's SQLite adapter writes an instant, so that its reads and ours, and comparisons of text, agree; Postgres reads it as well.
 *
 * @param instant ISO text in UTC, as `toISOString` writes it
 */
export function storedInstant(instant: string): string {
  return `${instant.slice(0, -1)}+00:00`;
}

/** What {@link storedInstant} was given. */
export function givenInstant(stored: string): string {
  return `${stored.slice(0, -"+00:00".length)}Z`;
}
