import type { Account } from "@penstock/core/account";
import type { AuditEntry, AuditedAction, Author, NewAuditEntry } from "@penstock/core/audit";
import type { Budget, DeadLetterBudget } from "@penstock/core/budget";
import type { CursorKind } from "@penstock/core/cursor";
import type { DriftCount } from "@penstock/core/drift";
import type { ErrorCode } from "@penstock/core/error-codes";
import type { JsonObject, JsonValue } from "@penstock/core/json";
import type { LetterStage, LetterStatus, NewLetter } from "@penstock/core/letter";
import type { ParentValues } from "@penstock/core/partition";
import type { RecordBatch, WriteMode } from "@penstock/core/record";
import type { Run, RunIdentity, RunMode, RunStatus } from "@penstock/core/run";
import type { SourceState } from "@penstock/core/source-state";
import type { Access } from "./access.ts";
import type { Queries } from "./queries/queries.ts";

/**
 * The database: the truth about what is committed. Every method throws `InfrastructureError` when the database is away
 * or busy, with nothing done.
 */
export type Store = {
  readonly dialect: "sqlite" | "postgresql";
  /** Connections that are in use, that are free, and who waits for one; `undefined` of SQLite, which has none. */
  connections(): PoolUse | undefined;
  /** Throws `InfrastructureError` when the database does not answer, or takes no writes. */
  ping(): Promise<void>;
  close(): Promise<void>;
  /** Throws `ConfigError` `DATABASE_BEHIND` or `DATABASE_AHEAD` when somebody else has changed its tables since. */
  checkMigrated(): Promise<void>;
  /** Version of the database, such as `PostgreSQL 17.2`. */
  version(): Promise<string>;

  /**
   * Starts a run of a partition from its bound, in one transaction: fence + 1, new row in `runs`. With a live run there
   * already: returns it untouched, or ends it as `superseded` first where `takeOver` says so.
   */
  startRun(request: StartRun): Promise<StartedRun>;
  /**
   * Starts runs of a child stream's due partitions, longest due first, in one transaction, until it has `maxLive` live runs. The
   * first call for a stream makes the parents due that are stored already. Does nothing while the stream is paused.
   */
  startDueRuns(request: StartDue): Promise<DueRuns>;
  /** Marks partitions of a child stream as due. */
  markDue(mark: DueMark): Promise<void>;
  /** The database's clock. */
  now(): Promise<Date>;
  /** The runs of a stream that were started since then, together. */
  sumRuns(runs: { source: string; stream: string; since: Date }): Promise<RunTotals>;
  /** A stored record's output; `undefined` when there is none, or it was deleted. */
  readRecord(source: string, stream: string, key: string): Promise<JsonValue | undefined>;
  /** Run, pause, state of the source and the database's clock in one query; `undefined` when there is no such run. */
  readRun(runId: string): Promise<RunState | undefined>;
  /**
   * Remembers the API's own clock at the run's start: the earliest, when two workers fetched the first page. The bound must
   * not pass what either of them may have missed.
   */
  noteApiStart(runId: string, at: Date): Promise<void>;
  /** Ends a run if it is still `running`; false when it was not. Frees the partition. */
  endRun(
    runId: string,
    end: { status: Exclude<RunStatus, "running">; code?: ErrorCode; message?: string },
  ): Promise<boolean>;
  /** Live runs, oldest first; with a filter only that stream's, those of backfills apart. */
  liveRuns(filter?: { source: string; stream: string }): Promise<(Run & { lastPageAt: Date | null })[]>;
  /** Newest first. */
  listRuns(filter: { source?: string; stream?: string; status?: RunStatus; limit: number }): Promise<Run[]>;

  /** What the first page of the partition's last run that succeeded had for the next run to ask with. */
  lastValidator(partition: { source: string; stream: string; partition: string }): Promise<string | null>;

  /**
   * The page transaction.
   *
   * @throws PermanentError `ACCOUNT_VIOLATED`, with nothing written, when the page's account does not add up
   */
  commitPage(commit: PageCommit): Promise<CommittedPage>;

  /** Stores a page too big for a job; a second one under the same `(runId, seq, hash)` changes nothing. */
  savePayload(payload: { runId: string; seq: number; hash: string; body: Uint8Array }): Promise<void>;
  loadPayload(ref: { runId: string; seq: number; hash: string }): Promise<Uint8Array | undefined>;

  /** Settles a fetch job that is given up: letter and run `failed` in one transaction. The bound stays. */
  settleFetch(letter: NewLetter): Promise<void>;

  /** OAuth tokens, encrypted by whoever stores them. */
  readonly tokens: {
    read(id: string): Promise<{ sealed: string; version: number } | undefined>;
    /** Takes the right to refresh for `leaseMs`; false while somebody else has it. */
    lease(id: string, holder: string, leaseMs: number): Promise<boolean>;
    /** Stores what follows `version` (0: nothing is stored yet) and frees the lease; false when something else followed. */
    save(id: string, version: number, sealed: string): Promise<boolean>;
    release(id: string, holder: string): Promise<void>;
  };

  /** What the HTTP API asks, and who may. */
  readonly queries: Queries;
  readonly access: Access;

  listLetters(filter: LetterFilter): Promise<StoredLetter[]>;
  countLetters(filter: Omit<LetterFilter, "limit" | "newestFirst">): Promise<number>;
  readLetter(id: string): Promise<StoredLetter | undefined>;
  /** `open → redriving`, oldest first, at most `limit`; returns what was claimed with `redrives` already raised. */
  claimForRedrive(filter: LetterFilter, author: Author): Promise<StoredLetter[]>;
  /** Commits what a redriven letter's payload became and resolves it, by compare-and-swap on `(redriving, redrives)`. */
  commitRedrive(redrive: RedriveCommit): Promise<{ isResolved: boolean }>;
  /** `redriving → open` with one more attempt, the new reason and message. False when it is not `(redriving, redrives)`. */
  reopenLetter(
    id: string,
    redrives: number,
    reason: { code: ErrorCode; message: string; path: string | null },
  ): Promise<boolean>;
  /** Gives those up that are open, and returns them, oldest first. */
  discardLetters(ids: string[], author: Author): Promise<StoredLetter[]>;

  checkpoint(source: string, stream: string, partition: string): Promise<Checkpoint | undefined>;
  /** Sets the bound of a partition that has none yet; false when it has. */
  importBound(source: string, stream: string, partition: string, bound: string): Promise<boolean>;
  setPaused(source: string, stream: string, isPaused: boolean, author: Author): Promise<void>;
  /**
   * Sets a partition's bound by hand, `null` for the beginning, and tells what it was.
   *
   * @throws ConfigError `RUN_ACTIVE` while the partition has a live run
   */
  setBound(change: BoundChange, author: Author): Promise<{ before: string | null }>;
  /** Partitions of a stream that have a checkpoint, by name. */
  listCheckpoints(filter: { source: string; stream: string; limit: number }): Promise<Checkpoint[]>;
  /**
   * Ends a live run as `cancelled`. One that had ended already is returned as it ended.
   *
   * @throws ConfigError `RUN_UNKNOWN`
   */
  cancelRun(runId: string, author: Author): Promise<{ run: Run; isCancelled: boolean }>;
  /**
   * Writes down what somebody did by hand that has no method here which does so itself; `setPaused`, `setBound` and `cancelRun`
   * do, each in the transaction of its change. Whatever lets people act – commands, the HTTP API – says through this or those who
   * acted, when and why, and has no log of its own.
   */
  noteAction(entry: NewAuditEntry): Promise<void>;
  /** What was done by hand, newest first. */
  listActions(filter: AuditFilter): Promise<AuditEntry[]>;
  /** Has one more run follow the live one of a stream: see `queuedRuns`. Any run that starts from now on is that one. */
  queueRun(source: string, stream: string, mode: RunMode): Promise<void>;
  /** Runs that are to be started as soon as their stream has no live one; not of paused streams. */
  queuedRuns(): Promise<{ source: string; stream: string; mode: RunMode }[]>;
  /**
   * Has `change` make a source's next state of the one it is in, and stores that while nobody else can: a compare-and-swap
   * of the whole state. Returning the state it was given changes nothing.
   */
  changeSourceState(source: string, change: (state: SourceState, now: Date) => SourceState): Promise<ChangedSource>;
  /** Of the sources that something has ever happened to, by name. */
  sourceStates(): Promise<(SourceState & { source: string })[]>;
  /** What `status` shows: one entry per stream that has a checkpoint. */
  streamStates(): Promise<StreamState[]>;
  /** The same in numbers, for the metrics: one statement whose cost does not grow with runs or records. */
  freshness(): Promise<Freshness>;

  /** Deletes a stream's kept pages that were observed longer ago, some at a time; returns how many. */
  pruneRawPages(of: { source: string; stream: string; keepMs: number }): Promise<number>;
  /** Kept pages in the order in which they were observed. */
  listRawPages(filter: ReplayFilter & { after: RawPosition | null; limit: number }): Promise<RawPage[]>;
  countRawPages(filter: ReplayFilter & { after: RawPosition | null }): Promise<number>;
  /** A new replay, or the one of the same request and schema that was interrupted, unless that is to begin again. */
  startReplay(request: ReplayRequest & { schemaVersion: string; isRestart: boolean; author: Author }): Promise<Replay>;
  /** What one kept page became, and how far the replay has come, in one transaction. Moves no checkpoint. */
  commitReplay(commit: ReplayCommit): Promise<Replay>;
  endReplay(id: string, author: Author): Promise<void>;

  /** Removes what is older than it is to be kept, some thousand rows at a time. Records, open letters and the audit log stay. */
  prune(keep: Keep): Promise<Pruned>;
  /** Removes records that replaced streams have left behind, some thousand at a time; returns how many. */
  pruneGenerations(): Promise<number>;
  /**
   * Has a span of time fetched again in windows, or goes on with a backfill of the same span that has not succeeded.
   *
   * @throws ConfigError `BACKFILL_IMPOSSIBLE` for a span without time, or of too many windows
   */
  startBackfill(request: NewBackfill, author: Author): Promise<{ backfill: Backfill; isNew: boolean }>;
  /** Newest first. */
  listBackfills(filter: { limit: number }): Promise<Backfill[]>;
  /** @throws ConfigError `BACKFILL_UNKNOWN` */
  readBackfill(id: string): Promise<Backfill>;
  runningBackfills(): Promise<{ id: string; source: string; stream: string }[]>;
  /** Starts runs of a backfill's next windows, or ends it; their first pages are to be enqueued. */
  startWindows(id: string): Promise<StartedWindows>;
  /**
   * Ends a backfill and its live runs, whose ids are in `ended`.
   *
   * @throws ConfigError `BACKFILL_UNKNOWN`
   */
  cancelBackfill(id: string, author: Author): Promise<{ backfill: Backfill; ended: string[]; isCancelled: boolean }>;
  /**
   * Finds what full runs missed and marks it as deleted, in bounded transactions, until nothing is left to do. Returns what was
   * settled, or waits for a decision since; several processes may do it at once.
   */
  settleDeletions(): Promise<Deletion[]>;
  /** What full runs missed, newest first. */
  listDeletions(filter: DeletionFilter): Promise<Deletion[]>;
  /** @throws ConfigError `DELETION_UNKNOWN` */
  readDeletion(runId: string): Promise<Deletion>;
  /**
   * Has records deleted, or kept, that were too many to be deleted unasked.
   *
   * @throws ConfigError `DELETION_UNKNOWN`, or `DELETION_SETTLED` when it does not wait for a decision
   */
  decideDeletion(runId: string, isApproved: boolean, author: Author): Promise<Deletion>;
  /** Keeps the output schemas that streams have now; those known already stay as they were first seen. */
  noteSchemas(schemas: StreamSchema[]): Promise<void>;
  /** The schemas a stream had, newest first. */
  listSchemas(filter: { source: string; stream: string }): Promise<StoredSchema[]>;
  /** Counts drift of a page that is not committed, and returns what was never seen before. */
  noteDrift(page: DriftPage, drift: readonly DriftCount[]): Promise<DriftCount[]>;
  /** What arrived at a stream and its schema does not say, latest first; with a fingerprint only what met that schema. */
  listDrift(filter: { source: string; stream: string; schemaVersion?: string; limit: number }): Promise<StoredDrift[]>;
  /** Creates or replaces the typed views. Throws `ConfigError SOURCE_INVALID` when two streams want the same name. */
  ensureViews(views: StreamView[]): Promise<void>;
  /**
   * Builds the indexes that streams declare on their views and drops those they declare no more. On a large table this takes long;
   * on Postgres nobody waits for it.
   */
  ensureIndexes(views: StreamView[]): Promise<void>;
  /** Read-only query of one stream's view, for the demo's summary and `records`: rows as plain objects. */
  queryView(sql: string): Promise<Record<string, unknown>[]>;
};

export type BoundChange = { source: string; stream: string; partition: string; bound: string | null };

export type AuditFilter = {
  target?: string;
  action?: AuditedAction;
  since?: Date;
  /** Goes on behind this entry. */
  after?: { at: Date; id: string };
  limit: number;
};

export type StartRun = {
  source: string;
  stream: string;
  partition: string;
  mode: RunMode;
  /** Which live run may be superseded: none, the one named (a compare-and-swap), or whichever there is. */
  takeOver: "none" | "any" | { runId: string };
  /** Who asked for it; nobody, where a schedule did. */
  author?: Author;
};
export type StartedRun = { run: Run; isNew: boolean; superseded: string | null };

/** A stream whose partitions belong to the records of another, and which of these make theirs due. */
export type ChildStream = { stream: string; refresh: "changed" | "every-run" };

export type StartDue = {
  source: string;
  stream: string;
  /** The parent's stream. */
  parent: string;
  maxLive: number;
  /** What a child needs of its parent's record; `undefined` when the record has it not: then it is no longer due. */
  valuesOf: (record: JsonValue) => ParentValues | undefined;
};
/** `skipped`: partitions that were due and have no parent to be run for. */
export type DueRuns = { started: ChildRun[]; skipped: number };
export type ChildRun = StartedRun & { parent: ParentValues };

export type RunTotals = {
  runs: number;
  pages: number;
  account: Account;
  /** Of the latest run that did not succeed. */
  lastError: { code: ErrorCode; message: string | null } | null;
};

export type DueMark = {
  source: string;
  stream: string;
  /** The parent's stream. */
  parent: string;
  /** Every partition; or those that are due and failed, to be tried again at once. */
  which: "all" | "failing";
  mode: RunMode;
  /** Who asked for it; nobody, where a schedule did. */
  author?: Author;
};

export type RunState = { run: Run; isPaused: boolean; source: SourceState; now: Date };

export type ChangedSource = { before: SourceState; after: SourceState; now: Date };

export type PageCommit = {
  run: RunIdentity;
  seq: number;
  cursorIn: string;
  cursorOut: string | null;
  isLast: boolean;
  /** With `isLast`: how the run ends when this page completes its chain. */
  endStatus: "succeeded" | "incomplete";
  endCode: ErrorCode | null;
  /** SHA-256 of the raw selected items. */
  contentHash: string;
  /** With a first page: see {@link Store.lastValidator}. */
  validator: string | null;
  observedAt: Date;
  fetched: number;
  filtered: number;
  records: RecordBatch;
  /** The raw record of an input as JSON text, for the letter of one whose data the database refuses. */
  raw: (input: number) => Promise<string>;
  /** Inputs whose records all lost against another record of the same page. */
  duplicate: number;
  letters: NewLetter[];
  /** For letters of records that the database refuses. */
  traceId: string | null;
  /** How many inputs the letters stand for: the number of letters, or all of the page for a page letter. */
  deadLettered: number;
  /** Latest event time, `null` if none. */
  watermark: Date | null;
  bound: {
    kind: CursorKind;
    /** Largest cursor value among the page's valid records. */
    candidate: string | null;
    /** `page`: the bound moves with the committed prefix (API sorted by it). `run`: when the chain is complete. `never`: not incremental. */
    moves: "page" | "run" | "never";
    lookbackMs: number;
  };
  /** How many dead-lettered inputs the run may have and still succeed. */
  deadLetterBudget: DeadLetterBudget;
  schemaVersion: string;
  /** The page as it came, zstd-compressed JSON of its items, where its stream keeps that; in a child stream with the parent's values. */
  keep?: { body: Uint8Array; parent: ParentValues | undefined };
  /** What of the page the schema does not say. Counted with the page's first content only. */
  drift?: readonly DriftCount[];
  writeMode: WriteMode;
  /**
   * Where deletions are detected: how many may be found at once, and whether the key of a dead-lettered item says nothing about the
   * keys of the records it would have become.
   */
  deletions?: { brake: Budget; isTransformed: boolean };
  /** Child streams of the page's stream: what the page changes makes their partitions due. */
  children?: readonly ChildStream[];
};

export type CommittedPage = {
  /** The account of *this* content; equals what is stored when `isFirst`. */
  account: Account;
  /** Rows written to `records`, which is another figure than the account when one input makes several rows. */
  rowsWritten: number;
  /** True when this commit ended the run. */
  endedRun: boolean;
  /** False when `(run, seq)` had its row already: upserted all the same, counted nowhere. */
  isFirst: boolean;
  /** Drift of the page that was never seen before. */
  newDrift: readonly DriftCount[];
  /** The run's status after the commit. */
  runStatus: RunStatus;
  bound: string | null;
};

/**
 * - `new`, `scanning`, `deleting`: under way
 * - `baseline`: the first complete full run, with which the next is compared
 * - `incomplete`: the run may not have seen everything, see `reason`
 * - `nothing`: no record is missing
 * - `waiting`: more is missing than the stream allows; somebody must decide
 * - `done`, `rejected`
 * - `superseded`: a later full run was compared before anybody had decided
 */
/** How long ended runs, committed pages, and letters that are resolved or discarded are kept; `null`: for ever. */
export type Keep = { runsMs: number | null; pagesMs: number | null; lettersMs: number | null };
export type Pruned = { runs: number; pages: number; letters: number };

/** `windowMs`: length of a window; `parallel`: windows at once. */
export type NewBackfill = { source: string; stream: string; from: Date; to: Date; windowMs: number; parallel: number };
export type Backfill = NewBackfill & {
  id: string;
  status: "running" | "succeeded" | "failed" | "cancelled";
  startedAt: Date;
  endedAt: Date | null;
  windows: { total: number; done: number; running: number; failed: number };
  /** Of all runs of its windows. */
  account: Account;
};
export type StartedWindows = { started: StartedRun[]; ended: "succeeded" | "failed" | null };

export const deletionStatuses = [
  "new",
  "incomplete",
  "baseline",
  "scanning",
  "nothing",
  "waiting",
  "deleting",
  "done",
  "rejected",
  "superseded",
] as const;
export type DeletionStatus = (typeof deletionStatuses)[number];

/** What a full run missed; counts are of records. */
export type Deletion = {
  runId: string;
  source: string;
  stream: string;
  status: DeletionStatus;
  reason: string | null;
  brake: Budget;
  /** Of the stream when it was scanned. */
  known: number;
  /** What this run and the complete one before it did not see. */
  missing: number;
  /** What only this run did not see: nothing is done about it before the next one. */
  missedOnce: number;
  deleted: number;
  /** Some of the missing keys. */
  sample: string[];
  foundAt: Date;
  settledAt: Date | null;
};
export type DeletionFilter = { source?: string; stream?: string; status?: DeletionStatus; limit: number };

export type RedriveCommit = {
  letterId: string;
  redrives: number;
  source: string;
  stream: string;
  runId: string;
  seq: number;
  observedAt: Date;
  records: RecordBatch;
  /** For a page letter: records of it that still cannot be processed get letters of their own. */
  letters: NewLetter[];
  /** Of a page letter: what the letters of records that the database refuses are made of. Without it all is refused with one record. */
  page?: Pick<PageCommit, "raw" | "traceId"> & { partition: string };
  schemaVersion: string;
  writeMode: WriteMode;
  children?: readonly ChildStream[];
};

export type LetterFilter = {
  ids?: string[];
  source?: string;
  stream?: string;
  code?: string;
  status?: LetterStatus;
  stage?: LetterStage;
  /** Last met in this run. */
  runId?: string;
  /** Last met at or after this time. */
  since?: Date;
  /** Part of the message, the key or the payload, as written. */
  text?: string;
  newestFirst?: boolean;
  limit: number;
};

export type StoredLetter = NewLetter & {
  id: string;
  status: LetterStatus;
  /** Times this letter was met. */
  attempts: number;
  /** Times it was put back. */
  redrives: number;
  firstSeenAt: Date;
  lastSeenAt: Date;
};

export type Checkpoint = {
  source: string;
  stream: string;
  partition: string;
  bound: string | null;
  fence: number;
  watermark: Date | null;
  liveRunId: string | null;
  isPaused: boolean;
  updatedAt: Date;
  /** Of a partition that belongs to a parent: since when it is due, and from when on it may be run. */
  dueSince: Date | null;
  nextAttemptAt: Date | null;
  /** Runs that failed since the last one that succeeded. */
  failures: number;
};

/** What the partitions of a child stream amount to. */
export type PartitionCounts = { total: number; due: number; failing: number; oldestDueSince: Date | null };

export type StreamState = {
  /** Of a child stream: of no partition of its own, with the latest watermark of all. */
  checkpoint: Checkpoint;
  /** Of a child stream. */
  partitions: PartitionCounts | null;
  lastRun: Run | null;
  lastSuccessAt: Date | null;
  openLetters: number;
};

export type PoolUse = { busy: number; idle: number; waiting: number };

/** By the database's clock. */
export type Freshness = { now: Date; streams: StreamFreshness[] };
export type StreamFreshness = {
  source: string;
  stream: string;
  /** When a checkpoint of the stream last changed. */
  checkpointAt: Date;
  watermark: Date | null;
  lastSuccessAt: Date | null;
  firstRunAt: Date | null;
  isPaused: boolean;
  /** Of a child stream: partitions that are to be run, and those whose last run failed. */
  duePartitions: number;
  failingPartitions: number;
  liveRuns: number;
  openLetters: number;
  /** Full runs that found too much gone, and wait for a decision. */
  deletionsWaiting: number;
};

export type ReplayFilter = { source: string; stream: string; since?: Date; runId?: string };
/** `asked`: what was said for `since` where that depends on when it is said, as `7d` does: by it the request is the same again. */
export type ReplayRequest = ReplayFilter & { asked?: string };
/** Of a kept page, in the order of replays. */
export type RawPosition = { observedAt: string; runId: string; seq: number; hash: string };
export type RawPage = {
  source: string;
  stream: string;
  partition: string;
  runId: string;
  seq: number;
  hash: string;
  observedAt: Date;
  records: number;
  parent: ParentValues | undefined;
  body: Uint8Array;
};
export type Replay = {
  id: string;
  /** The last page that is done. */
  position: RawPosition | null;
  pages: number;
  rowsWritten: number;
  deadLettered: number;
  isResumed: boolean;
};
export type ReplayCommit = {
  replayId: string;
  page: Omit<RawPage, "body" | "parent">;
  raw: PageCommit["raw"];
  traceId: string | null;
  records: RecordBatch;
  letters: NewLetter[];
  schemaVersion: string;
  writeMode: WriteMode;
  children?: readonly ChildStream[];
};

/** Where drift was met. */
export type DriftPage = { source: string; stream: string; runId: string; seq: number; schemaVersion: string };
/** `records` and `pages` had it; `runId` and `seq` are the last of these pages. */
export type StoredDrift = DriftCount & {
  schemaVersion: string;
  pages: number;
  firstSeenAt: Date;
  lastSeenAt: Date;
  runId: string;
  seq: number;
};
export type StoredSchema = { fingerprint: string; jsonSchema: JsonObject; firstSeenAt: Date };
export type StreamSchema = { source: string; stream: string; fingerprint: string; jsonSchema: object };

/** Column types a view can have; `json` holds objects and arrays. */
export type ColumnType = "text" | "integer" | "real" | "boolean" | "timestamp" | "json";
/** `path`: where in the output it is, where that is not its name. */
export type ViewColumn = { name: string; type: ColumnType; path?: readonly string[] };
/** `indexes`: names of columns, each list one index. */
export type StreamView = {
  source: string;
  stream: string;
  name: string;
  columns: ViewColumn[];
  /** Lists of columns. */
  indexes?: readonly (readonly string[])[];
  /** By event time and key, as the records of one stream are read in the order of their times. */
  indexesEventTime?: boolean;
};
