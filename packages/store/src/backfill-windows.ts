import { windowOf } from "@penstock/core/partition";
import type { RunStatus } from "@penstock/core/run";
import type { Dialect } from "./dialect.ts";
import type { Statements } from "./statements.ts";

/** Runs of a window that may fail before it is given up; then somebody must ask for the backfill again. */
const maxFailures = 5;
const firstRetryMs = 5_000;

/** Part of the transaction that ends a run of a window. One that was superseded is followed by another of the same window. */
export async function settleWindow(
  db: Statements,
  dialect: Dialect,
  partition: string,
  status: RunStatus,
): Promise<void> {
  if (windowOf(partition) === undefined || status === "superseded") return;
  if (status === "succeeded") {
    await db.$executeRaw`UPDATE backfill_windows SET status = 'done' WHERE partition = ${partition} AND status = 'running'`;
    return;
  }
  const [window] = await db.$queryRaw<{ failures: number }[]>`
    SELECT failures FROM backfill_windows WHERE partition = ${partition} LIMIT 1`;
  const failures = Number(window?.failures ?? 0) + 1;
  const isGivenUp = failures >= maxFailures || status === "cancelled";
  await db.$executeRaw`
    UPDATE backfill_windows SET status = ${isGivenUp ? "failed" : "pending"}, failures = ${failures},
      next_attempt_at = ${dialect.later(firstRetryMs * 4 ** (failures - 1))}
    WHERE partition = ${partition} AND status = 'running'`;
}
