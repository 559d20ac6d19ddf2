import type { JsonValue } from "@penstock/core/json";
import type { Prisma, Transaction } from "./client.ts";
import type { Dialect } from "./dialect.ts";
import { currentGeneration } from "./generation.ts";

/**
 * The outputs stored under these keys, without those that were deleted. Each key is looked up by itself: as a join, Postgres may
 * compare all with all.
 */
export async function readOutputs(
  db: Prisma | Transaction,
  dialect: Dialect,
  { source, stream }: { source: string; stream: string },
  keys: readonly string[],
): Promise<Map<string, JsonValue>> {
  const rows = await db.$queryRaw<{ key: string; data: string | null }[]>`
    SELECT page.key, (SELECT CAST(data AS TEXT) FROM records WHERE source = ${source} AND stream = ${stream}
        AND generation = ${currentGeneration({ source, stream })} AND key = page.key AND deleted_at IS NULL) AS data
    FROM (${dialect.textsOf(JSON.stringify(keys))}) AS page`;
  return new Map(rows.flatMap(({ key, data }) => (data === null ? [] : [[key, JSON.parse(data)]])));
}
