/**
 * Text that both databases take, whatever an API, or the code of a source, has put into it: Postgres refuses NUL and halves of
 * surrogate pairs. For what tells about records, such as messages, paths and letters; a record is stored as it came or not at all.
 */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\uFFFD");
}

export function storableOrNull(text: string | null): string | null {
  return text === null ? null : storable(text);
}
