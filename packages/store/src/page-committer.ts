import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as turn } from "node:timers/promises";
import { InfrastructureError } from "@penstock/core/errors";
import type { Reach } from "@penstock/core/failure-points";
import { keysOf, type RecordBatch } from "@penstock/core/record";
import type { Connection } from "./connection.ts";
import { isRefusedData } from "./errors.ts";
import { commitPages } from "./page-commit.ts";
import { setAsideRefused } from "./refused-records.ts";
import type { CommittedPage, PageCommit, Store } from "./store.ts";

type Committer = {
  connection: Pick<Connection, "transact" | "transactDirectly" | "noteWritten" | "dialect">;
  reach: Reach;
};

/** A page that waits, for what to do with it, in the asynchronous context of whoever committed it. */
type Waiting = {
  page: PageCommit;
  settle: PromiseWithResolvers<CommittedPage>;
  inContext: <T>(work: () => T) => T;
};

/** As many at once as are still undone and done again in a blink when one of them fails. */
const maxTogether = 16;
/** What is worth a transaction of its own. A transformer works on so many pages for each that the database does side by side. */
const enough = { rows: 1_000, pages: 4 };
/** From one transaction's beginning to the next, while less than that waits. */
const gatherMs = 50;

type Committing = {
  waiting: Waiting[];
  /** Pages that are not settled, the waiting among them. */
  unsettled: number;
  /** Since the last transaction began a page came while others were unsettled: whoever commits does not do so one by one. */
  isShared: boolean;
  /** Transactions under way, and pauses behind them. */
  lanes: number;
  /** What the transactions under way lock. */
  locking: Set<Locking>;
  endPause: (() => void) | undefined;
};

/** Keys in the order in which a transaction locks their records, the same in their own order, and its end. */
type Locking = { keys: readonly string[]; sorted: readonly string[]; ended: Promise<void> };

/**
 * Commits pages. A page that comes while none of its run is under way is committed at once. Those that come meanwhile are committed
 * together by the next transaction, which costs its statements, the lock, the checkpoint and the wait for the disk once for all of them;
 * small ones wait a moment for others. Of what is worth it there are as many transactions at a time as the database can do side by side.
 * As if each were committed behind the other, and by themselves when something is wrong with one.
 */
export function createPageCommitter(committer: Committer): Store["commitPage"] {
  const { lanes } = committer.connection.dialect;
  const runs = new Map<string, Committing>();

  async function workOff(runId: string, run: Committing): Promise<void> {
    run.lanes += 1;
    while (run.waiting.length > 0) {
      const begunAt = performance.now();
      const together = run.waiting.splice(0, maxTogether).toSorted((a, b) => a.page.seq - b.page.seq);
      run.isShared = together.length > 1;
      const settle = async () => together[0]?.inContext(() => settleTogether(committer, together));
      await (lanes > 1 ? inOneOrder(run, together, settle) : settle());
      // Whoever was told that its page is committed has the next one ready in a moment.
      await turn();
      // Who pauses takes what waits then, too.
      if (run.endPause !== undefined) break;
      if (run.isShared) await pause(run, begunAt + gatherMs - performance.now());
    }
    run.lanes -= 1;
    if (run.lanes === 0) runs.delete(runId);
  }

  return (page) => {
    const { runId } = page.run;
    const settle = Promise.withResolvers<CommittedPage>();
    const run = runs.get(runId) ?? {
      waiting: [],
      unsettled: 0,
      isShared: false,
      lanes: 0,
      locking: new Set<Locking>(),
      endPause: undefined,
    };
    runs.set(runId, run);
    run.waiting.push({ page, settle, inContext: AsyncLocalStorage.snapshot() });
    if (run.unsettled > 0) run.isShared = true;
    run.unsettled += 1;
    const noteSettled = () => {
      run.unsettled -= 1;
    };
    settle.promise.then(noteSettled, noteSettled);
    if (run.endPause !== undefined) {
      if (isEnough(run.waiting)) run.endPause();
    } else if (run.lanes === 0 || (run.lanes < lanes && isEnough(run.waiting))) void workOff(runId, run);
    return settle.promise;
  };
}

function isEnough(waiting: readonly Waiting[]): boolean {
  return (
    waiting.length >= enough.pages ||
    waiting.reduce((rows, { page }) => rows + page.records.inputs.length, 0) >= enough.rows
  );
}

/**
 * Two transactions that lock the same records, each in another order, wait for each other until the database ends one of them, which it
 * does after a second. So where pages have records in common, other than those that follow each other have, one goes behind the other.
 */
async function inOneOrder(run: Committing, together: readonly Waiting[], work: () => Promise<void>): Promise<void> {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const keys = together.flatMap(({ page }) => keysOf(page.records));
  const own: Locking = { keys, sorted: together.length > 1 ? keys.toSorted() : keys, ended };
  const inAnotherOrder = () => [...run.locking].find((other) => lockInTwoOrders(own, other));
  for (let other = inAnotherOrder(); other !== undefined; other = inAnotherOrder()) await other.ended;
  run.locking.add(own);
  try {
    await work();
  } finally {
    run.locking.delete(own);
    end();
  }
}

/** A single record in common makes one wait for the other, and no more. */
function lockInTwoOrders(one: Locking, other: Locking): boolean {
  const shared = inBoth(one.sorted, other.sorted);
  if (shared.size < 2) return false;
  const inOrder = ({ keys }: Locking) => JSON.stringify(keys.filter((key) => shared.has(key)));
  return inOrder(one) !== inOrder(other);
}

/** By going through both once: sets of all keys would take longer than most of what is around them. */
function inBoth(one: readonly string[], other: readonly string[]): Set<string> {
  const shared = new Set<string>();
  for (let i = 0, j = 0; i < one.length && j < other.length; ) {
    const key = one[i] ?? "";
    const otherKey = other[j] ?? "";
    if (key === otherKey) shared.add(key);
    if (key <= otherKey) i += 1;
    if (otherKey <= key) j += 1;
  }
  return shared;
}

/** Until enough waits, or the time is over. */
async function pause(run: Committing, ms: number): Promise<void> {
  if (ms <= 0 || isEnough(run.waiting)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  run.endPause = resolve;
  const timer = setTimeout(resolve, ms);
  await promise;
  clearTimeout(timer);
  run.endPause = undefined;
}

/**
 * Never throws: each page is told what became of it.
 *
 * @param inOrder by their numbers
 */
async function settleTogether(committer: Committer, inOrder: readonly Waiting[]): Promise<void> {
  const { connection, reach } = committer;
  const pages = inOrder.map(({ page }) => page);
  try {
    const committed = await connection.transactDirectly((tx) => commitPages(tx, connection.dialect, pages, reach));
    connection.noteWritten(pages.reduce((sum, { records }) => sum + sizeOf(records), 0));
    for (const [i, done] of committed.entries()) inOrder[i]?.settle.resolve(done);
  } catch (error) {
    if (error instanceof InfrastructureError) for (const { settle } of inOrder) settle.reject(error);
    else if (inOrder.length > 1) for (const one of inOrder) await one.inContext(() => settleTogether(committer, [one]));
    else for (const one of inOrder) await settleFailed(committer, one, error);
  }
}

async function settleFailed(committer: Committer, { page, settle }: Waiting, error: unknown): Promise<void> {
  if (isRefusedData(error)) await commitReduced(committer, page).then(settle.resolve, settle.reject);
  else settle.reject(error);
}

async function commitReduced({ connection, reach }: Committer, page: PageCommit): Promise<CommittedPage> {
  const { records, letters } = await setAsideRefused(connection, { ...page, ...page.run });
  const reduced = {
    ...page,
    records,
    letters: [...page.letters, ...letters],
    deadLettered: page.deadLettered + letters.length,
  };
  const [committed] = await connection.transactDirectly((tx) => commitPages(tx, connection.dialect, [reduced], reach));
  if (committed === undefined) throw new RangeError("a page was committed and nothing is known of it");
  return committed;
}

const sizeOf = ({ rows }: RecordBatch): number => rows.reduce((sum, { byteLength }) => sum + byteLength, 0);
