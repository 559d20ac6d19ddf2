import { livePartition } from "@penstock/core/run";
import { Prisma } from "../generated/postgresql/client.ts";

/*
 * A stream's records are of one generation, but for those of a full refresh that is under way or was given up: a run of a stream
 * that is replaced writes a generation of its own, its fence, and the transaction in which it succeeds makes that the one that
 * is read. So readers see the old or the new, whenever they look, and what a failed run wrote is never seen. `prune-generations.ts`
 * takes away what is not read any more.
 */

/** The generation of a stream's records that is read. Not correlated: found once per statement. */
export function currentGeneration({ source, stream }: { source: string; stream: string }): Prisma.Sql {
  return Prisma.sql`COALESCE((SELECT generation FROM checkpoints WHERE source = ${source} AND stream = ${stream} AND partition = ${livePartition}), 0)`;
}

/** The condition that a row of `records`, by the name it has in the statement, is of the generation that is read. */
export function isCurrent(records: string): Prisma.Sql {
  const row = Prisma.raw(records);
  return Prisma.sql`${row}.generation = COALESCE((SELECT c.generation FROM checkpoints c
    WHERE c.source = ${row}.source AND c.stream = ${row}.stream AND c.partition = ${livePartition}), 0)`;
}
