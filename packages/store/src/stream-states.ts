import { parentPartition } from "@penstock/core/partition";
import { livePartition, type RunMode } from "@penstock/core/run";
import type { CheckpointModel } from "../generated/postgresql/models/Checkpoint.ts";
import type { Prisma } from "./client.ts";
import { storedRun } from "./runs.ts";
import type { Checkpoint, PartitionCounts, Store, StreamState } from "./store.ts";

type PartitionName = { source: string; stream: string; partition: string };

export async function checkpointOf(db: Prisma, partition: PartitionName): Promise<Checkpoint | undefined> {
  const row = await db.checkpoint.findUnique({ where: { source_stream_partition: partition } });
  if (row === null) return undefined;
  const live = await db.run.findFirst({ where: { ...partition, status: "running" }, select: { id: true } });
  return stored(row, live?.id ?? null);
}

export async function listCheckpoints(
  db: Prisma,
  { source, stream, limit }: Parameters<Store["listCheckpoints"]>[0],
): Promise<Checkpoint[]> {
  const rows = await db.checkpoint.findMany({
    where: { source, stream },
    orderBy: { partition: "asc" },
    take: limit,
  });
  const partition = { in: rows.map((row) => row.partition) };
  const live = await db.run.findMany({
    where: { source, stream, partition, status: "running" },
    select: { id: true, partition: true },
  });
  const liveOf = new Map(live.map((run) => [run.partition, run.id]));
  return rows.map((row) => stored(row, liveOf.get(row.partition) ?? null));
}

export async function queuedRuns(db: Prisma): ReturnType<Store["queuedRuns"]> {
  const queued = await db.checkpoint.findMany({
    where: { queuedMode: { not: null }, isPaused: false },
    select: { source: true, stream: true, queuedMode: true },
  });
  return queued.map(({ source, stream, queuedMode }) => ({ source, stream, mode: queuedMode as RunMode }));
}

/**
 * One state per stream. A few indexed look-ups each, so that the time does not grow with runs or records; the partitions of
 * child streams are counted, by one statement for all.
 */
export async function streamStates(db: Prisma): Promise<StreamState[]> {
  const checkpoints = await db.checkpoint.findMany({
    where: { partition: livePartition },
    orderBy: [{ source: "asc" }, { stream: "asc" }],
  });
  const letters = await db.deadLetter.groupBy({ by: ["source", "stream"], where: { status: "open" }, _count: true });
  const open = new Map(letters.map(({ source, stream, _count }) => [`${source}.${stream}`, _count]));
  const partitions = await countPartitions(db);
  return Promise.all(
    checkpoints.map((row) => {
      const name = `${row.source}.${row.stream}`;
      return stateOf(db, row, { openLetters: open.get(name) ?? 0, partitions: partitions.get(name) });
    }),
  );
}

type Partitions = { counts: PartitionCounts; watermark: Date | null };

async function countPartitions(db: Prisma): Promise<Map<string, Partitions>> {
  const where = { partition: { startsWith: parentPartition("") } };
  const counted = await db.checkpoint.groupBy({
    by: ["source", "stream"],
    where,
    _count: { _all: true, dueFence: true },
    _min: { dueSince: true },
    _max: { watermark: true },
  });
  const failing = await db.checkpoint.groupBy({
    by: ["source", "stream"],
    where: { ...where, failures: { gt: 0 } },
    _count: true,
  });
  const failingOf = new Map(failing.map(({ source, stream, _count }) => [`${source}.${stream}`, _count]));
  return new Map(
    counted.map(({ source, stream, _count: { _all: total, dueFence: due }, _min, _max }) => {
      const name = `${source}.${stream}`;
      const counts = { total, due, failing: failingOf.get(name) ?? 0, oldestDueSince: _min.dueSince };
      return [name, { counts, watermark: _max.watermark }];
    }),
  );
}

type Known = { openLetters: number; partitions: Partitions | undefined };

async function stateOf(db: Prisma, row: CheckpointModel, { openLetters, partitions }: Known): Promise<StreamState> {
  const where = { source: row.source, stream: row.stream, mode: { not: "backfill" } };
  const orderBy = [{ startedAt: "desc" as const }, { fence: "desc" as const }];
  const last = await db.run.findFirst({ where, orderBy });
  const success =
    last?.status === "succeeded" ? last : await db.run.findFirst({ where: { ...where, status: "succeeded" }, orderBy });
  const watermark = partitions === undefined ? row.watermark : partitions.watermark;
  return {
    checkpoint: stored({ ...row, watermark }, last?.status === "running" ? last.id : null),
    partitions: partitions?.counts ?? null,
    lastRun: last && storedRun(last),
    lastSuccessAt: success?.endedAt ?? null,
    openLetters,
  };
}

function stored(row: CheckpointModel, liveRunId: string | null): Checkpoint {
  return { ...row, liveRunId };
}
