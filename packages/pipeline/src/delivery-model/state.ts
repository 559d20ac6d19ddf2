/*
 * The commit and checkpoint protocol, small enough to be explored whole: one partition of one stream, an API of a few records
 * with one on a page, two workers. What the model leaves out – letters, limits, several streams – moves no checkpoint.
 */

/** `at`: the API's clock when the record changed last, which is its cursor. `value` counts its changes. */
export type ApiRecord = { id: number; at: number; value: number };

/** Where a page begins: the records changed after `since`, in the order of the API, behind `after`. */
export type Position = { since: number; after: number };

/** `asc`: the API sorts by `at`, and the bound moves page by page. `none`: by id, and it moves when the chain is complete. */
export type Order = "asc" | "none";

/** `id`: what a queue that deduplicates takes jobs for one another by. */
export type FetchJob = { kind: "fetch"; id: string; run: number; seq: number; position: Position };
export type TransformJob = {
  kind: "transform";
  id: string;
  run: number;
  seq: number;
  cursorIn: string;
  cursorOut: string | null;
  items: readonly ApiRecord[];
  /** The database's clock before the request. */
  observed: number;
};
export type Job = FetchJob | TransformJob;
/** A job in its queue: waiting, or held by a worker that has its lock. */
export type QueuedJob = { job: Job; isActive: boolean };
export type Queue = {
  jobs: readonly QueuedJob[] /** Ids of completed jobs that turn others away. */;
  known: readonly string[];
};

export type Answer = { items: readonly ApiRecord[]; next: Position | null; apiDate: number };
/** What a worker is at. Only with the lock can it complete its job. */
export type Work = { hasLock: boolean } & (
  | { phase: "fetch taken"; job: FetchJob; observed: number; takenAt: number }
  | { phase: "fetch answered"; job: FetchJob; observed: number; takenAt: number; answer: Answer }
  | { phase: "transform taken"; job: TransformJob }
  | { phase: "checkpoint due"; job: TransformJob; prefix: RunPrefix }
  | { phase: "records due"; job: TransformJob }
  | { phase: "done"; job: Job }
);

export type PageRow = {
  seq: number;
  cursorIn: string;
  cursorOut: string | null;
  candidate: number | null;
  size: number;
};
/** How far the pages of a run are committed without a gap. */
export type RunPrefix = { seq: number; cursorOut: string | null; isComplete: boolean; candidate: number | null };
export type ModelRun = {
  status: "running" | "succeeded" | "superseded";
  since: number;
  apiStart: number | null;
  prefix: RunPrefix;
  pages: readonly PageRow[];
  /** Records counted in its account. */
  counted: number;
};
export type Row = { value: number; observed: number };

/** How often each kind of thing may still happen. */
export type Budget = {
  crashes: number;
  lockLosses: number;
  queueLosses: number;
  rollbacks: number;
  /** Answers that cut the pages differently. */
  otherAnswers: number;
  /** Records that change at the API. */
  changes: number;
  /** Runs started by a schedule. */
  ticks: number;
};

export type State = {
  apiClock: number;
  api: readonly ApiRecord[];
  table: readonly (Row | null)[];
  bound: number;
  /** By fence, from 0. */
  runs: readonly ModelRun[];
  queue: Queue;
  /** What a rollback brings back; `null` until it is taken. */
  saved: Queue | null;
  workers: readonly (Work | null)[];
  /** Rises with each request. */
  dbClock: number;
  budget: Budget;
};

const records = 3;
const workers = 2;
export const emptyPrefix: RunPrefix = { seq: -1, cursorOut: null, isComplete: false, candidate: null };

export function initialState(budget: Budget): State {
  return {
    apiClock: records,
    api: Array.from({ length: records }, (_, id) => ({ id, at: id + 1, value: 0 })),
    table: Array.from({ length: records }, () => null),
    bound: 0,
    runs: [],
    queue: { jobs: [], known: [] },
    saved: null,
    workers: Array.from({ length: workers }, () => null),
    dbClock: 0,
    budget,
  };
}

export function liveRun({ runs }: State): number | undefined {
  const last = runs.length - 1;
  return runs[last]?.status === "running" ? last : undefined;
}

export const cursorOf = ({ since, after }: Position): string => `${since}:${after}`;

export function fetchJob(run: number, seq: number, position: Position): FetchJob {
  return { kind: "fetch", id: `F_${run}_${seq}_${cursorOf(position)}`, run, seq, position };
}

export function transformJob(job: Omit<TransformJob, "kind" | "id">): TransformJob {
  const { run, seq, cursorIn, items } = job;
  const id = `T_${run}_${seq}_${cursorIn}_${items.map((item) => `${item.id}.${item.value}`).join("+")}`;
  return { kind: "transform", id, ...job };
}

/** Tells apart what a queue that does not deduplicate may hold side by side. */
export const tokenOf = (job: Job): string => (job.kind === "fetch" ? job.id : `${job.id}@${job.observed}`);
