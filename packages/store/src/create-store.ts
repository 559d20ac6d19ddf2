import type { NewLetter } from "@penstock/core/letter";
import { livePartition } from "@penstock/core/run";
import { isRefusedData } from "./errors.ts";
import { claimForRedrive, commitRedrive, listLetters, reopenLetter, storedLetter, upsertLetters, whereOf } from "./letters.ts";
import type { Connection } from "./open-store.ts";
import { commitPage } from "./page-commit.ts";
import { setAsideRefused } from "./refused-records.ts";
import { endRun, readRun, startRun, storedRun } from "./runs.ts";
import { checkpointOf, streamStates } from "./stream-states.ts";
import type { Store } from "./store.ts";
import { ensureViews } from "./views.ts";

/** The store on an open connection. Each method is one statement or one transaction. */
export function createStore({ db, dialect, transact, ask }: Connection): Store {
  return {
    dialect: dialect.name,
    ping: () => ask(async () => void (await db.$queryRaw`SELECT 1`)),
    close: () => db.$disconnect(),

    startRun: (request) => transact((tx) => startRun(tx, dialect, request)),
    readRun: (runId) => ask(() => readRun(db, dialect, runId)),
    noteApiStart: (runId, at) => ask(async () => void (await db.run.updateMany({ where: { id: runId, apiStartedAt: null }, data: { apiStartedAt: at } }))),
    endRun: (runId, end) => ask(() => endRun(db, dialect, runId, end)),
    liveRuns: (filter) =>
      ask(async () => {
        const live = await db.run.findMany({ where: { status: "running", ...(filter && { source: filter.source, stream: filter.stream }) }, orderBy: { startedAt: "asc" } });
        return live.map((row) => ({ ...storedRun(row), lastPageAt: row.lastPageAt }));
      }),
    listRuns: ({ source, stream, limit }) =>
      ask(async () => {
        const where = { ...(source !== undefined && { source }), ...(stream !== undefined && { stream }) };
        return (await db.run.findMany({ where, orderBy: [{ startedAt: "desc" }, { fence: "desc" }], take: limit })).map(storedRun);
      }),

    commitPage: async (page) => {
      try {
        return await transact((tx) => commitPage(tx, dialect, page));
      } catch (error) {
        if (!isRefusedData(error)) throw error;
        const reduced = await setAsideRefused({ transact, dialect }, page);
        return transact((tx) => commitPage(tx, dialect, reduced));
      }
    },

    savePayload: ({ runId, seq, hash, body }) =>
      ask(async () => {
        await db.$executeRaw`
          INSERT INTO payloads (run_id, seq, hash, body, stored_at) VALUES (${runId}, ${seq}, ${hash}, ${Buffer.from(body)}, ${dialect.now})
          ON CONFLICT (run_id, seq, hash) DO NOTHING`;
      }),
    loadPayload: (ref) => ask(async () => (await db.payload.findUnique({ where: { runId_seq_hash: ref } }))?.body),

    settleFetch: (letter) => transact((tx) => settle(tx, letter)),
    listLetters: (filter) => ask(() => listLetters(db, filter)),
    countLetters: (filter) => ask(() => db.deadLetter.count({ where: whereOf(filter) })),
    readLetter: (id) =>
      ask(async () => {
        const found = await db.deadLetter.findUnique({ where: { id } });
        return found === null ? undefined : storedLetter(found);
      }),
    claimForRedrive: (filter) => transact((tx) => claimForRedrive(tx, filter)),
    commitRedrive: (redrive) => transact((tx) => commitRedrive(tx, dialect, redrive)),
    reopenLetter: (id, redrives, reason) => ask(() => reopenLetter(db, dialect, { id, redrives }, reason)),
    discardLetters: (ids) => ask(async () => (await db.deadLetter.updateMany({ where: { id: { in: ids }, status: "open" }, data: { status: "discarded" } })).count),

    checkpoint: (source, stream, partition) => ask(() => checkpointOf(db, { source, stream, partition })),
    importBound: (source, stream, partition, bound) =>
      ask(async () => {
        const imported = await db.$executeRaw`
          INSERT INTO checkpoints (source, stream, partition, bound, updated_at) VALUES (${source}, ${stream}, ${partition}, ${bound}, ${dialect.now})
          ON CONFLICT (source, stream, partition) DO UPDATE SET bound = excluded.bound WHERE checkpoints.bound IS NULL AND checkpoints.fence = 0`;
        return imported === 1;
      }),
    setPaused: (source, stream, isPaused) =>
      ask(async () => {
        await db.$executeRaw`
          INSERT INTO checkpoints (source, stream, partition, is_paused, updated_at) VALUES (${source}, ${stream}, ${livePartition}, ${isPaused}, ${dialect.now})
          ON CONFLICT (source, stream, partition) DO UPDATE SET is_paused = excluded.is_paused, updated_at = excluded.updated_at`;
      }),
    streamStates: () => ask(() => streamStates(db)),

    ensureViews: (views) => ask(() => ensureViews(db, dialect, views)),
    queryView: (sql) => ask(async () => (await db.$queryRawUnsafe<Record<string, unknown>[]>(sql)).map(withNumbers)),
  };

  async function settle(tx: Parameters<Parameters<typeof transact>[0]>[0], letter: NewLetter): Promise<void> {
    const { code, message, runId } = letter;
    // Ending the run comes first: whoever ends it writes the letter, and a job delivered twice writes it once.
    const ended = await tx.$executeRaw`
      UPDATE runs SET status = 'failed', error_code = ${code}, error_message = ${message}, ended_at = ${dialect.now} WHERE id = ${runId} AND status = 'running'`;
    if (ended === 1) await upsertLetters(tx, dialect, [letter]);
  }
}

/** SQLite gives every integer as a bigint; those that a number holds exactly become one, as on Postgres. */
function withNumbers(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [column, isSafe(value) ? Number(value) : value]));
}

function isSafe(value: unknown): value is bigint {
  return typeof value === "bigint" && Number.isSafeInteger(Number(value));
}
