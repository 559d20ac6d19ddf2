/**
 * What became of the records of one page. Every *input* record counts exactly once, in the first column that fits:
 *
 * - `deadLettered`: it could not be processed and is kept whole as a dead letter
 * - `filtered`: its transform made no record of it, on purpose
 * - `duplicate`: another record of the same page has its key and a version at least as high
 * - `inserted` / `updated`: its row is new / replaced an older version
 * - `unchanged`: the stored row is the same already, or newer
 */
export type Account = {
  fetched: number;
  inserted: number;
  updated: number;
  unchanged: number;
  duplicate: number;
  filtered: number;
  deadLettered: number;
};

export const outcomes = ["inserted", "updated", "unchanged", "duplicate", "filtered", "deadLettered"] as const;

export const emptyAccount: Readonly<Account> = Object.freeze({
  fetched: 0,
  inserted: 0,
  updated: 0,
  unchanged: 0,
  duplicate: 0,
  filtered: 0,
  deadLettered: 0,
});

/** `fetched` minus the sum of the outcomes: 0 in an account that adds up. */
export function imbalance(account: Account): number {
  return outcomes.reduce((rest, outcome) => rest - account[outcome], account.fetched);
}
