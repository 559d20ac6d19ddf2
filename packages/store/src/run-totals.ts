import type { Account } from "@penstock/core/account";
import type { ErrorCode } from "@penstock/core/error-codes";
import type { Prisma } from "./client.ts";
import type { RunTotals } from "./store.ts";

const summed = {
  pages: true,
  fetched: true,
  inserted: true,
  updated: true,
  unchanged: true,
  duplicate: true,
  filtered: true,
  deadLettered: true,
} as const;

/** What the runs of a stream since a time amount to; see {@link Store.sumRuns}. */
export async function sumRuns(
  db: Prisma,
  { source, stream, since }: { source: string; stream: string; since: Date },
): Promise<RunTotals> {
  const where = { source, stream, startedAt: { gte: since } };
  const { _count, _sum } = await db.run.aggregate({ where, _count: true, _sum: summed });
  const last = await db.run.findFirst({
    where: { ...where, status: { in: ["failed", "incomplete", "cancelled"] }, errorCode: { not: null } },
    orderBy: { startedAt: "desc" },
    select: { errorCode: true, errorMessage: true },
  });
  const of = (column: keyof typeof summed): number => _sum[column] ?? 0;
  const account: Account = {
    fetched: of("fetched"),
    inserted: of("inserted"),
    updated: of("updated"),
    unchanged: of("unchanged"),
    duplicate: of("duplicate"),
    filtered: of("filtered"),
    deadLettered: of("deadLettered"),
  };
  const lastError = last && { code: last.errorCode as ErrorCode, message: last.errorMessage };
  return { runs: _count, pages: of("pages"), account, lastError };
}
