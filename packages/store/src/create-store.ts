import { InfrastructureError, InvalidRecordError } from "@penstock/core/errors";
import type { Reach } from "@penstock/core/failure-points";
import { livePartition } from "@penstock/core/run";
import { createAccess } from "./access.ts";
import { listActions, noteAction } from "./audit-log.ts";
import {
  cancelBackfill,
  listBackfills,
  readBackfill,
  runningBackfills,
  startBackfill,
  startWindows,
} from "./backfills.ts";
import { type Connection, orRolledBack } from "./connection.ts";
import { decideDeletion, listDeletions, readDeletion } from "./deletions.ts";
import { markDue } from "./due-partitions.ts";
import { isRefusedData, reasonOf } from "./errors.ts";
import { countLetters, listLetters, storedLetter } from "./find-letters.ts";
import { readFreshness } from "./freshness.ts";
import { claimForRedrive, commitRedrive, discardLetters, reopenLetter, settleFetch } from "./letters.ts";
import { createOauthTokens } from "./oauth-tokens.ts";
import { cancelRun, setBound, setPaused } from "./operations.ts";
import { createPageCommitter } from "./page-committer.ts";
import { pruneGenerations } from "./prune-generations.ts";
import { createQueries } from "./queries/create-queries.ts";
import { queryView } from "./query-view.ts";
import { commitReplay, countRawPages, endReplay, listRawPages, pruneRawPages, startReplay } from "./raw-pages.ts";
import { readOutputs } from "./record-reads.ts";
import { setAsideRefused } from "./refused-records.ts";
import { prune } from "./retention.ts";
import { sumRuns } from "./run-totals.ts";
import { endRun, readRun, startRun, storedRun } from "./runs.ts";
import { listDrift, noteDrift } from "./schema-drift.ts";
import { listSchemas, noteSchemas } from "./schema-versions.ts";
import { settleDeletions } from "./settle-deletions.ts";
import { changeSourceState, sourceStates } from "./source-states.ts";
import { startDueRuns } from "./start-due.ts";
import type { Store } from "./store.ts";
import { checkpointOf, listCheckpoints, queuedRuns, streamStates } from "./stream-states.ts";
import { ensureIndexes } from "./view-indexes.ts";
import { ensureViews } from "./views.ts";

/** The store on an open connection. Each method is one statement or one transaction. */
export function createStore(connection: Connection, reach: Reach): Store {
  const { db, dialect, transact, ask, close } = connection;
  return {
    dialect: dialect.name,
    connections: connection.connections,
    ping: () => ask(() => requireWritable(connection)),
    close,
    checkMigrated: connection.checkMigrated,
    version: () =>
      ask(async () => {
        const statements = await connection.statements();
        const [row] = await statements.$queryRaw<[{ version: string }]>`SELECT ${dialect.version} AS version`;
        return row.version;
      }),

    startRun: (request) =>
      transact(async (tx) => {
        const started = await startRun(tx, dialect, request);
        if (started.isNew) await reach("start-run.in-transaction");
        return started;
      }),
    startDueRuns: (request) => startDueRuns(connection, request, reach),
    markDue: (mark) => transact((tx) => markDue(tx, dialect, mark)),
    now: () =>
      ask(async () => {
        const statements = await connection.statements();
        const [row] = await statements.$queryRaw<[{ now: string }]>`SELECT ${dialect.now} AS now`;
        return new Date(row.now);
      }),
    sumRuns: (runs) => ask(() => sumRuns(db, runs)),
    readRecord: (source, stream, key) =>
      ask(async () => (await readOutputs(db, dialect, { source, stream }, [key])).get(key)),
    readRun: (runId) => ask(async () => readRun(await connection.statements(), dialect, runId)),
    noteApiStart: (runId, at) =>
      connection.transactDirectly(
        async (tx) =>
          void (await tx.$executeRaw`
            UPDATE runs SET api_started_at = ${dialect.instant(at)}
            WHERE id = ${runId} AND (api_started_at IS NULL OR api_started_at > ${dialect.instant(at)})`),
      ),
    endRun: (runId, end) => transact((tx) => endRun(tx, dialect, runId, end)),
    liveRuns: (filter) =>
      ask(async () => {
        const live = await db.run.findMany({
          where: {
            status: "running",
            ...(filter && { source: filter.source, stream: filter.stream, mode: { not: "backfill" } }),
          },
          orderBy: { startedAt: "asc" },
        });
        return live.map((row) => ({ ...storedRun(row), lastPageAt: row.lastPageAt }));
      }),
    listRuns: ({ source, stream, status, limit }) =>
      ask(async () => {
        const where = {
          ...(source !== undefined && { source }),
          ...(stream !== undefined && { stream }),
          ...(status !== undefined && { status }),
        };
        return (await db.run.findMany({ where, orderBy: [{ startedAt: "desc" }, { fence: "desc" }], take: limit })).map(
          storedRun,
        );
      }),

    commitPage: createPageCommitter({ connection, reach }),

    savePayload: ({ runId, seq, hash, body }) =>
      transact(async (tx) => {
        await tx.$executeRaw`
          INSERT INTO payloads (run_id, seq, hash, body, stored_at) VALUES (${runId}, ${seq}, ${hash}, ${Buffer.from(body)}, ${dialect.now})
          ON CONFLICT (run_id, seq, hash) DO NOTHING`;
      }),
    loadPayload: (ref) => ask(async () => (await db.payload.findUnique({ where: { runId_seq_hash: ref } }))?.body),

    settleFetch: async (letter) => void (await orRolledBack(transact((tx) => settleFetch(tx, dialect, letter)))),
    listLetters: (filter) => ask(() => listLetters(db, filter)),
    countLetters: (filter) => ask(() => countLetters(db, filter)),
    readLetter: (id) =>
      ask(async () => {
        const found = await db.deadLetter.findUnique({ where: { id } });
        return found === null ? undefined : storedLetter(found);
      }),
    claimForRedrive: (filter, author) => transact((tx) => claimForRedrive(tx, dialect, filter, author)),
    commitRedrive: async (redrive) => {
      try {
        return await transact((tx) => commitRedrive(tx, dialect, redrive));
      } catch (error) {
        if (!isRefusedData(error)) throw error;
        if (redrive.page === undefined) {
          const message = `the database refuses what the letter became: ${reasonOf(error)}`;
          throw new InvalidRecordError("RECORD_REFUSED", message, { cause: error });
        }
        const { records, letters } = await setAsideRefused(connection, { ...redrive, ...redrive.page });
        const reduced = { ...redrive, records, letters: [...redrive.letters, ...letters] };
        return transact((tx) => commitRedrive(tx, dialect, reduced));
      }
    },
    reopenLetter: (id, redrives, reason) => transact((tx) => reopenLetter(tx, dialect, { id, redrives }, reason)),
    discardLetters: (ids, author) => transact((tx) => discardLetters(tx, dialect, ids, author)),

    checkpoint: (source, stream, partition) => ask(() => checkpointOf(db, { source, stream, partition })),
    importBound: (source, stream, partition, bound) =>
      transact(async (tx) => {
        const imported = await tx.$executeRaw`
          INSERT INTO checkpoints (source, stream, partition, bound, updated_at) VALUES (${source}, ${stream}, ${partition}, ${bound}, ${dialect.now})
          ON CONFLICT (source, stream, partition) DO UPDATE SET bound = excluded.bound WHERE checkpoints.bound IS NULL AND checkpoints.fence = 0`;
        return imported === 1;
      }),
    setPaused: (source, stream, isPaused, author) =>
      transact((tx) => setPaused(tx, dialect, { source, stream, isPaused }, author)),
    setBound: (change, author) => transact((tx) => setBound(tx, dialect, change, author)),
    listCheckpoints: (filter) => ask(() => listCheckpoints(db, filter)),
    cancelRun: (runId, author) => transact((tx) => cancelRun(tx, dialect, runId, author)),
    noteAction: (entry) => transact((tx) => noteAction(tx, dialect, entry)),
    listActions: (filter) => ask(() => listActions(db, filter)),
    queueRun: (source, stream, mode) =>
      transact(async (tx) => {
        const where = { source, stream, partition: livePartition };
        await tx.checkpoint.updateMany({ where, data: { queuedMode: mode } });
      }),
    queuedRuns: () => ask(() => queuedRuns(db)),
    changeSourceState: (source, change) => transact((tx) => changeSourceState(tx, dialect, source, change)),
    tokens: createOauthTokens(connection),
    queries: createQueries(connection),
    access: createAccess(connection),
    lastValidator: (partition) =>
      ask(async () => {
        const where = { ...partition, status: "succeeded" };
        const run = await db.run.findFirst({ where, orderBy: { fence: "desc" }, select: { id: true } });
        const first = run && (await db.page.findUnique({ where: { runId_seq: { runId: run.id, seq: 0 } } }));
        return first?.validator ?? null;
      }),

    sourceStates: () => ask(() => sourceStates(db)),
    streamStates: () => ask(() => streamStates(db)),
    freshness: () => ask(() => readFreshness(db, dialect)),

    pruneRawPages: (of) => pruneRawPages(connection, of),
    listRawPages: (filter) => ask(() => listRawPages(db, filter)),
    countRawPages: (filter) => ask(() => countRawPages(db, filter)),
    startReplay: (request) => transact((tx) => startReplay(tx, dialect, request)),
    commitReplay: async (replay) => {
      try {
        return await transact((tx) => commitReplay(tx, dialect, replay));
      } catch (error) {
        if (!isRefusedData(error)) throw error;
        const { records, letters } = await setAsideRefused(connection, { ...replay.page, ...replay });
        const reduced = { ...replay, records, letters: [...replay.letters, ...letters] };
        return transact((tx) => commitReplay(tx, dialect, reduced));
      }
    },
    endReplay: (id, author) => transact((tx) => endReplay(tx, dialect, id, author)),

    prune: (keep) => prune(connection, keep),
    pruneGenerations: () => pruneGenerations(connection),
    startBackfill: (request, author) => transact((tx) => startBackfill(tx, dialect, request, author)),
    listBackfills: (filter) => ask(() => listBackfills(db, filter)),
    readBackfill: (id) => ask(() => readBackfill(db, id)),
    runningBackfills: () => ask(() => runningBackfills(db)),
    startWindows: (id) => startWindows(connection, id),
    cancelBackfill: (id, author) => transact((tx) => cancelBackfill(tx, dialect, id, author)),
    settleDeletions: () => settleDeletions(connection, reach),
    listDeletions: (filter) => ask(() => listDeletions(db, filter)),
    readDeletion: (runId) => ask(() => readDeletion(db, runId)),
    decideDeletion: (runId, isApproved, author) =>
      transact((tx) => decideDeletion(tx, dialect, { runId, isApproved }, author)),
    noteSchemas: (schemas) => connection.transactDirectly((tx) => noteSchemas(tx, dialect, schemas)),
    listSchemas: (filter) => ask(() => listSchemas(db, filter)),
    noteDrift: (page, drift) => transact((tx) => noteDrift(tx, dialect, page, drift)),
    listDrift: (filter) => ask(() => listDrift(db, filter)),
    ensureViews: (views) => ensureViews(connection, views),
    ensureIndexes: (views) => ensureIndexes(connection, views),
    queryView: (sql) => ask(() => queryView(db, dialect, sql)),
  };
}

/** A server that answers and writes nothing is no better than one that is away. */
async function requireWritable({ statements, dialect }: Connection): Promise<void> {
  const db = await statements();
  const [{ refused }] = await db.$queryRaw<[{ refused: boolean | bigint }]>`SELECT ${dialect.refusesWrites} AS refused`;
  if (refused === true)
    throw new InfrastructureError(
      "DATABASE_UNAVAILABLE",
      "the database takes no writes: it is read-only, or a replica",
    );
}
