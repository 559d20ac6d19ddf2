import type { Account } from "./account.ts";
import type { ErrorCode } from "./error-codes.ts";

/** Only `succeeded` is a success; `superseded` means that a newer run took the partition over. */
export const runStatuses = ["running", "succeeded", "incomplete", "failed", "superseded", "cancelled"] as const;
export type RunStatus = (typeof runStatuses)[number];

export type RunMode = "incremental" | "full" | "backfill";

/** The partition that scheduled runs work on; backfills and child streams have partitions of their own. */
export const livePartition = "live";

/** What identifies a chain of pages. `fence` rises by one each time the partition gets a new run. */
export type RunIdentity = { runId: string; source: string; stream: string; partition: string; fence: number };

export type Run = RunIdentity & {
  mode: RunMode;
  status: RunStatus;
  /** The bound the run started from: what its first request asks for. */
  boundAtStart: string | null;
  /** Database clock. */
  startedAt: Date;
  endedAt: Date | null;
  /** Start by the API's own clock, from the first response that carried a `Date`. */
  apiStartedAt: Date | null;
  /** Highest page of the committed prefix; -1 before page 0. */
  committedSeq: number;
  pages: number;
  account: Account;
  errorCode: ErrorCode | null;
  errorMessage: string | null;
};
