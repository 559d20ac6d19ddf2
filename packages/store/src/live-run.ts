import type { Account } from "@penstock/core/account";
import type { PageLink } from "@penstock/core/chain";
import type { Run } from "@penstock/core/run";
import { runOfRow } from "./runs.ts";
import type { Statements } from "./statements.ts";

/** Pages that may wait behind a gap; fetchers do not run further ahead than this. */
const waitingPages = 65;

export type WaitingPage = PageLink & { endStatus: string; endCode: string | null; boundCandidate: string | null };

/** A run as the page transaction needs it, with the pages that are stored behind its committed prefix, in their order. */
export type LiveRun = Omit<Run, "account"> &
  Account & { id: string; committedCursor: string | null; boundCandidate: string | null; waiting: WaitingPage[] };

type JoinedRow = Record<string, unknown> & {
  committed_cursor: string | null;
  bound_candidate: string | null;
  page_seq: number | bigint | null;
  cursor_in: string;
  cursor_out: string | null;
  is_last: boolean | number | bigint;
  end_status: string;
  end_code: string | null;
  page_candidate: string | null;
};

/** By one statement. */
export async function readLiveRun(db: Statements, runId: string): Promise<LiveRun | undefined> {
  const rows = await db.$queryRaw<JoinedRow[]>`
    SELECT r.*, p.seq AS page_seq, p.cursor_in, p.cursor_out, p.is_last, p.end_status, p.end_code, p.bound_candidate AS page_candidate
    FROM runs r LEFT JOIN pages p ON p.run_id = r.id AND p.seq > r.committed_seq
    WHERE r.id = ${runId} ORDER BY p.seq LIMIT ${waitingPages}`;
  const [first] = rows;
  if (first === undefined) return undefined;
  const { account, ...run } = runOfRow(first);
  const { committed_cursor: committedCursor, bound_candidate: boundCandidate } = first;
  const waiting = rows.filter((row) => row.page_seq !== null).map(waitingPage);
  return { ...run, ...account, id: run.runId, committedCursor, boundCandidate, waiting };
}

function waitingPage(row: JoinedRow): WaitingPage {
  return {
    seq: Number(row.page_seq),
    cursorIn: row.cursor_in,
    cursorOut: row.cursor_out,
    isLast: Boolean(row.is_last),
    endStatus: row.end_status,
    endCode: row.end_code,
    boundCandidate: row.page_candidate,
  };
}
