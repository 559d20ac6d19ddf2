/** The rules of the protocol, each of which can be switched off to see what it is there for. */
export type Rules = {
  /** A page extends the committed prefix only if it begins where the page before ended. Off: only its number counts. */
  prefixByLinks: boolean;
  /** Only the live run moves the checkpoint. */
  fence: boolean;
  /** A run without jobs is superseded by a new one from the bound. Off: it is continued behind its committed prefix. */
  newRuns: boolean;
  /** Only the first content of a page counts. Off: every other content counts too. */
  firstContentCounts: boolean;
  /** A row is replaced only by what was observed later. */
  newestWins: boolean;
  /** The pages of a run that has ended add rows and replace none. */
  lateInsertsOnly: boolean;
  /** The bound does not pass the start of the run by the API's clock. */
  capAtStart: boolean;
  /** … which is read before the request, not when its answer came. */
  startBeforeRequest: boolean;
  /** … and is the earliest, where two workers fetched the first page. */
  earliestStart: boolean;
  /** Where the API does not sort by cursor, the bound waits for the whole chain. */
  boundWaitsForEnd: boolean;
  /** Records, page and checkpoint are committed together. */
  oneTransaction: boolean;
  /** The prefix is computed behind the lock of the checkpoint. */
  lockBeforePrefix: boolean;
};

export const allRules: Rules = {
  prefixByLinks: true,
  fence: true,
  newRuns: true,
  firstContentCounts: true,
  newestWins: true,
  lateInsertsOnly: true,
  capAtStart: true,
  startBeforeRequest: true,
  earliestStart: true,
  boundWaitsForEnd: true,
  oneTransaction: true,
  lockBeforePrefix: true,
};
