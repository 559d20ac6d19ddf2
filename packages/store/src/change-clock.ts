import type { Connection } from "./connection.ts";

/**
 * Transactions of a server that a dump was restored to may have lower numbers than those that were dumped with the records: their
 * changes would come behind what was read. So the clock adds what is missing.
 */
export async function keepClockAhead({
  dialect,
  transactDirectly,
}: Pick<Connection, "dialect" | "transactDirectly">): Promise<void> {
  if (dialect.name === "sqlite") return;
  await transactDirectly(async (tx) => {
    await tx.$executeRaw`
      UPDATE change_clock SET position = newest.change - pg_snapshot_xmin(pg_current_snapshot())::text::bigint + 1
      FROM (SELECT change FROM records ORDER BY change DESC LIMIT 1) AS newest
      WHERE position + pg_snapshot_xmax(pg_current_snapshot())::text::bigint <= newest.change`;
  });
}
