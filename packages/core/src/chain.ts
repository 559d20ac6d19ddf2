/**
 * Pages of one run, linked by cursors. Page numbers alone do not make a chain: an API that answers differently the
 * second time gives a page another successor, and the pages behind the two must not be mixed. So page k+1 extends the
 * committed prefix only if its `cursorIn` is page k's `cursorOut`, and nothing extends past the first `last` page.
 */
export type PageLink = { seq: number; cursorIn: string; cursorOut: string | null; isLast: boolean };

export type Prefix = {
  /** -1 when no page is committed yet. */
  seq: number;
  /** What the next page's `cursorIn` must be; `null` before page 0 (any start will do) and after the last page. */
  cursorOut: string | null;
  isComplete: boolean;
};

export const emptyPrefix: Prefix = { seq: -1, cursorOut: null, isComplete: false };

/** The longest prefix that `pages` (ascending by `seq`) allow, starting from the one already known. */
export function extendPrefix(known: Prefix, pages: readonly PageLink[]): Prefix {
  let prefix = known;
  for (const page of pages) {
    if (page.seq <= prefix.seq) continue;
    if (prefix.isComplete || page.seq !== prefix.seq + 1) break;
    if (prefix.seq >= 0 && page.cursorIn !== prefix.cursorOut) break;
    prefix = { seq: page.seq, cursorOut: page.cursorOut, isComplete: page.isLast };
  }
  return prefix;
}
