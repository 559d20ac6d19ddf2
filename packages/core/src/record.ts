/** One row on its way to the table `records`. Its identity is `(source, stream, key)`. */
export type OutputRecord = {
  key: string;
  /** Event time as ISO text in UTC to the millisecond, for the watermark and for time-range queries; not the version. */
  ts: string | null;
  /** The declared version field, made sortable as text; `null` where none is declared. */
  version: string | null;
  /** The output, as JSON text with sorted fields. */
  data: string;
  /** SHA-256 of `data`. */
  hash: string;
};
