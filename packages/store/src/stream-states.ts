import { livePartition } from "@penstock/core/run";
import type { CheckpointModel } from "../generated/postgresql/models/Checkpoint.ts";
import type { Prisma } from "./client.ts";
import { storedRun } from "./runs.ts";
import type { Checkpoint, StreamState } from "./store.ts";

type PartitionName = { source: string; stream: string; partition: string };

export async function checkpointOf(db: Prisma, partition: PartitionName): Promise<Checkpoint | undefined> {
  const row = await db.checkpoint.findUnique({ where: { source_stream_partition: partition } });
  if (row === null) return undefined;
  const live = await db.run.findFirst({ where: { ...partition, status: "running" }, select: { id: true } });
  return stored(row, live?.id ?? null);
}

/** One state per stream. A few indexed look-ups each, so that the time does not grow with runs or records. */
export async function streamStates(db: Prisma): Promise<StreamState[]> {
  const checkpoints = await db.checkpoint.findMany({
    where: { partition: livePartition },
    orderBy: [{ source: "asc" }, { stream: "asc" }],
  });
  const letters = await db.deadLetter.groupBy({ by: ["source", "stream"], where: { status: "open" }, _count: true });
  const open = new Map(letters.map(({ source, stream, _count }) => [`${source}.${stream}`, _count]));
  return Promise.all(checkpoints.map((row) => stateOf(db, row, open.get(`${row.source}.${row.stream}`) ?? 0)));
}

async function stateOf(db: Prisma, row: CheckpointModel, openLetters: number): Promise<StreamState> {
  const where = { source: row.source, stream: row.stream };
  const orderBy = [{ startedAt: "desc" as const }, { fence: "desc" as const }];
  const last = await db.run.findFirst({ where, orderBy });
  const success =
    last?.status === "succeeded" ? last : await db.run.findFirst({ where: { ...where, status: "succeeded" }, orderBy });
  return {
    checkpoint: stored(row, last?.status === "running" ? last.id : null),
    lastRun: last && storedRun(last),
    lastSuccessAt: success?.endedAt ?? null,
    openLetters,
  };
}

function stored(row: CheckpointModel, liveRunId: string | null): Checkpoint {
  return { ...row, liveRunId };
}
