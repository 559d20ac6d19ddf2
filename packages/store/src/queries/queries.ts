import type { Account } from "@penstock/core/account";
import type { ErrorCode } from "@penstock/core/error-codes";
import type { LetterStage, LetterStatus } from "@penstock/core/letter";
import type { Run, RunMode, RunStatus } from "@penstock/core/run";
import type { Checkpoint, StoredLetter } from "../store.ts";

/**
 * What the HTTP API asks. Lists go on behind the last item of the page before (`after`) by an index, so that a page far
 * down costs what the first does. Every method throws `InfrastructureError` when the database is away.
 */
export type Queries = {
  records(query: RecordQuery): Promise<RecordPage>;
  /** `undefined` when there is none; one that was deleted is there. */
  record(name: { source: string; stream: string; key: string }): Promise<RecordDetail | undefined>;
  /**
   * In the order in which records changed: none ever appears behind a place that was read. `next` is where to go on, now or
   * later; `isCaughtUp` says that there is nothing more yet. A record that changed again has moved to its last change.
   */
  changes(query: ChangeQuery): Promise<ChangePage>;
  /** Newest first. */
  runs(query: RunQuery): Promise<Run[]>;
  run(id: string): Promise<Run | undefined>;
  /** By number. */
  pages(query: { runId: string; after: number; limit: number }): Promise<StoredPage[]>;
  checkpoints(query: CheckpointQuery): Promise<Omit<Checkpoint, "liveRunId">[]>;
  /** Newest first. */
  letters(query: LetterQuery): Promise<StoredLetter[]>;
  letterGroups(query: Pick<LetterQuery, "source" | "stream" | "status">): Promise<LetterGroup[]>;
  schemas(query: { source?: string; stream?: string }): Promise<StoredSchema[]>;
  /** Records written and dead-lettered per interval since then, of streams that had any. */
  throughput(query: ThroughputQuery): Promise<Throughput[]>;
};

/** Text as it is, a number or flag compared as such, `null` for a field that is null or not there. */
export type Scalar = string | number | boolean | null;

export type Condition =
  | { path: readonly string[]; comparison: "eq" | "ne" | "lt" | "lte" | "gt" | "gte"; value: Scalar }
  | { path: readonly string[]; comparison: "in"; values: readonly Scalar[] }
  | { path: readonly string[]; comparison: "contains"; text: string }
  | { path: readonly string[]; comparison: "exists"; isThere: boolean };

export type RecordPlace = { source: string; stream: string; key: string; ts: string | null };

export type RecordQuery = {
  source?: string;
  stream?: string;
  /** None: any key. */
  keys: readonly string[];
  /** Event time, from inclusive, to exclusive. */
  from?: Date;
  to?: Date;
  conditions: readonly Condition[];
  /** Fields of the data to give, as paths; all unless given. */
  fields?: readonly (readonly string[])[];
  isDeleted: boolean;
  /** By source, stream and key; or by event time within one stream, without the records that have none. */
  order: "key" | "ts" | "-ts";
  after?: RecordPlace;
  limit: number;
};

/**
 * Records as the API gives them, each as JSON on one line, in which the data is as the database has it. Half of the time of an export
 * would go into parsing data and writing it again, and numbers that JavaScript cannot hold would change.
 */
export type RecordPage = { records: readonly string[]; last: RecordPlace | undefined };

/** Behind all records of a change, or behind one of them. `change` is a whole number as text: it may be larger than JavaScript's. */
export type ChangePlace = { change: string; record?: { source: string; stream: string; key: string } };

/** `after`: behind what was read before; `now`: behind all that has happened so far; unless given, from the first change. */
export type ChangeQuery = { source?: string; stream?: string; after?: ChangePlace | "now"; limit: number };

/** `changes`: one `{ change: "added" | "updated" | "deleted", changedAt, record }` each, as JSON. */
export type ChangePage = { changes: readonly string[]; next: ChangePlace; isCaughtUp: boolean };

export type RecordDetail = {
  source: string;
  stream: string;
  key: string;
  ts: Date | null;
  version: string | null;
  data: unknown;
  hash: string;
  revision: number;
  runId: string;
  seq: number;
  schemaVersion: string;
  observedAt: Date;
  firstSeenAt: Date;
  updatedAt: Date;
  deletedAt: Date | null;
  run: { status: RunStatus; startedAt: Date } | null;
  pageCommittedAt: Date | null;
  letters: StoredLetter[];
};

export type RunQuery = {
  source?: string;
  stream?: string;
  partition?: string;
  status?: RunStatus;
  mode?: RunMode;
  after?: { startedAt: Date; id: string };
  limit: number;
};

export type StoredPage = {
  seq: number;
  cursorIn: string;
  cursorOut: string | null;
  isLast: boolean;
  endCode: string | null;
  contentHash: string;
  observedAt: Date;
  committedAt: Date;
  account: Account;
};

export type CheckpointQuery = {
  source?: string;
  stream?: string;
  partition?: string;
  after?: { source: string; stream: string; partition: string };
  limit: number;
};

export type LetterQuery = {
  source?: string;
  stream?: string;
  code?: string;
  stage?: LetterStage;
  status?: LetterStatus;
  runId?: string;
  since?: Date;
  text?: string;
  after?: { firstSeenAt: Date; id: string };
  limit: number;
};

export type LetterGroup = {
  source: string;
  stream: string;
  stage: LetterStage;
  code: ErrorCode;
  path: string | null;
  letters: number;
  firstSeenAt: Date;
  lastSeenAt: Date;
  example: { id: string; message: string };
};

export type StoredSchema = {
  source: string;
  stream: string;
  fingerprint: string;
  jsonSchema: unknown;
  firstSeenAt: Date;
};

/** `until` itself is left out. */
export type ThroughputQuery = { source?: string; stream?: string; since: Date; until?: Date; intervalMs: number };
export type Throughput = {
  source: string;
  stream: string;
  points: { at: Date; written: number; deadLettered: number }[];
};
