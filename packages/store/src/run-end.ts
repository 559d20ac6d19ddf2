import { type Account, outcomes } from "@penstock/core/account";
import { clearlyExceedsBudget, describeBudget, exceedsBudget, toleratedKnown } from "@penstock/core/budget";
import { errorCodes } from "@penstock/core/error-codes";
import type { Dialect } from "./dialect.ts";
import type { Statements } from "./statements.ts";
import type { PageCommit } from "./store.ts";

export type RunEnd = { status: "succeeded" | "incomplete" | "failed"; code: string | null; message: string | null };
type CountedRun = Account & { id: string; startedAt: Date };
type LastPage = { endStatus: string; endCode: string | null };

/**
 * How a run ends whose chain is complete with the `last` page – or, without one, whether it must end before: when it has far too
 * many dead letters already. `undefined` while it goes on.
 */
export async function endOf(
  db: Statements,
  dialect: Dialect,
  { page, run, last }: { page: PageCommit; run: CountedRun; last: LastPage | undefined },
): Promise<RunEnd | undefined> {
  const isOver = last === undefined ? clearlyExceedsBudget : exceedsBudget;
  if (isOver(page.deadLetterBudget, run) && !(await hasOnlyFewKnown(db, dialect, page, run)))
    return overBudget(page, run, last);
  if (last === undefined) return undefined;
  if (!(await isSumOfPages(db, run))) return violated(run);
  if (last.endStatus === "succeeded") return { status: "succeeded", code: null, message: null };
  const message = `the run could not see all there was; the next one goes on from the bound. ${explanationOf(last.endCode)}`;
  return { status: "incomplete", code: last.endCode, message };
}

function explanationOf(code: string | null): string {
  const known = Object.entries(errorCodes).find(([name]) => name === code)?.[1];
  return known === undefined ? "" : `${known.means} ${known.remedy}`;
}

/**
 * A bad record that stays at the end of a collection is read again by every run: it failed the first of them, and is no news
 * to the others.
 */
async function hasOnlyFewKnown(
  db: Statements,
  dialect: Dialect,
  { run: { source, stream } }: PageCommit,
  run: CountedRun,
): Promise<boolean> {
  if (run.deadLettered >= toleratedKnown) return false;
  const [met] = await db.$queryRaw<unknown[]>`
    SELECT 1 AS one FROM dead_letters
    WHERE source = ${source} AND stream = ${stream} AND run_id = ${run.id} AND first_seen_at >= ${dialect.instant(run.startedAt)} LIMIT 1`;
  return met === undefined;
}

function overBudget(page: PageCommit, run: CountedRun, last: LastPage | undefined): RunEnd {
  const budget = describeBudget(page.deadLetterBudget);
  const how = last === undefined ? "; stopped before its end" : "";
  const message = `${run.deadLettered} of ${run.fetched} records were dead-lettered; the stream's budget is ${budget}${how}`;
  return { status: "failed", code: "BUDGET_EXCEEDED", message };
}

function violated(run: CountedRun): RunEnd {
  const message = `the account of run ${run.id} is not the sum of its pages' accounts`;
  return { status: "failed", code: "ACCOUNT_VIOLATED", message };
}

async function isSumOfPages(db: Statements, run: CountedRun): Promise<boolean> {
  const [sums] = await db.$queryRaw<[Record<keyof Account, unknown>]>`
    SELECT sum(fetched) AS fetched, sum(inserted) AS inserted, sum(updated) AS updated, sum(unchanged) AS unchanged,
      sum(duplicate) AS duplicate, sum(filtered) AS filtered, sum(dead_lettered) AS "deadLettered"
    FROM pages WHERE run_id = ${run.id}`;
  return (["fetched", ...outcomes] as const).every((column) => Number(sums[column] ?? 0) === run[column]);
}
