import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as turn } from "node:timers/promises";
import { InfrastructureError } from "@penstock/core/errors";
import type { Reach } from "@penstock/core/failure-points";
import type { RecordBatch } from "@penstock/core/record";
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
  endPause: (() => void) | undefined;
};

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
      const together = run.waiting.splice(0, maxTogether);
      run.isShared = together.length > 1;
      await together[0]?.inContext(() => settleTogether(committer, together));
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
    const run = runs.get(runId) ?? { waiting: [], unsettled: 0, isShared: false, lanes: 0, endPause: undefined };
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

/** Never throws: each page is told what became of it. */
async function settleTogether(committer: Committer, together: Waiting[]): Promise<void> {
  const { connection, reach } = committer;
  const inOrder = together.toSorted((a, b) => a.page.seq - b.page.seq);
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
