/** Raw queries give instants as `Date` on Postgres and as text on SQLite. */
export function instantOf(value: unknown): Date | null {
  return value === null || value === undefined ? null : new Date(value as string | Date);
}
