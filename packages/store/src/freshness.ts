import type { Prisma } from "./client.ts";
import type { Dialect } from "./dialect.ts";
import type { Freshness, StreamFreshness } from "./store.ts";

type Instant = Date | string;
type Row = {
  source: string;
  stream: string;
  now: Instant;
  checkpoint_at: Instant;
  watermark: Instant | null;
  last_success_at: Instant | null;
  first_run_at: Instant | null;
  is_paused: number | bigint;
  due: number | bigint;
  failing: number | bigint;
  live_runs: number | bigint;
  open_letters: number | bigint;
  deletions_waiting: number | bigint;
};

/**
 * Where every stream stands, in one statement: an index look-up per figure and stream, but for the partitions of child
 * streams, whose latest watermark and change are looked for among all of them.
 */
export async function readFreshness(db: Prisma, dialect: Dialect): Promise<Freshness> {
  const rows = await db.$queryRaw<Row[]>`
    WITH streams AS (
      SELECT source, stream, max(updated_at) AS checkpoint_at, max(watermark) AS watermark,
        max(CASE WHEN partition = 'live' AND is_paused THEN 1 ELSE 0 END) AS is_paused,
        count(due_fence) AS due, count(CASE WHEN failures > 0 THEN 1 END) AS failing
      FROM checkpoints WHERE partition NOT LIKE 'backfill:%' GROUP BY source, stream
    )
    SELECT s.source, s.stream, s.checkpoint_at, s.watermark, s.is_paused, s.due, s.failing, ${dialect.now} AS now,
      (SELECT max(r.ended_at) FROM runs r WHERE r.source = s.source AND r.stream = s.stream AND r.status = 'succeeded' AND r.mode <> 'backfill') AS last_success_at,
      (SELECT min(r.started_at) FROM runs r WHERE r.source = s.source AND r.stream = s.stream) AS first_run_at,
      (SELECT count(*) FROM runs r WHERE r.source = s.source AND r.stream = s.stream AND r.status = 'running') AS live_runs,
      (SELECT count(*) FROM dead_letters d WHERE d.source = s.source AND d.stream = s.stream AND d.status = 'open') AS open_letters,
      (SELECT count(*) FROM deletions w WHERE w.source = s.source AND w.stream = s.stream AND w.status = 'waiting') AS deletions_waiting
    FROM streams s ORDER BY s.source, s.stream`;
  const [first] = rows;
  return { now: first === undefined ? new Date() : new Date(first.now), streams: rows.map(described) };
}

function described(row: Row): StreamFreshness {
  return {
    source: row.source,
    stream: row.stream,
    checkpointAt: new Date(row.checkpoint_at),
    watermark: instant(row.watermark),
    lastSuccessAt: instant(row.last_success_at),
    firstRunAt: instant(row.first_run_at),
    isPaused: Number(row.is_paused) === 1,
    duePartitions: Number(row.due),
    failingPartitions: Number(row.failing),
    liveRuns: Number(row.live_runs),
    openLetters: Number(row.open_letters),
    deletionsWaiting: Number(row.deletions_waiting),
  };
}

function instant(value: Instant | null): Date | null {
  return value === null ? null : new Date(value);
}
