import type { JsonObject } from "@penstock/core/json";
import type { Prisma } from "./client.ts";
import type { Dialect } from "./dialect.ts";
import type { Statements } from "./statements.ts";
import type { StoredSchema, StreamSchema } from "./store.ts";

/** Keeps the schemas that are new, with the time they were first seen. Records name the one they were made by. */
export async function noteSchemas(db: Statements, dialect: Dialect, schemas: StreamSchema[]): Promise<void> {
  const rows = schemas.map(({ source, stream, fingerprint, jsonSchema }) => [
    source,
    stream,
    fingerprint,
    JSON.stringify(jsonSchema),
  ]);
  await db.$executeRaw`
    INSERT INTO schema_versions (source, stream, fingerprint, json_schema, first_seen_at)
    SELECT c0, c1, c2, c3, ${dialect.now}
    FROM (${dialect.rowsOf(JSON.stringify(rows), ["text", "text", "text", "json"])}) AS new
    WHERE true
    ON CONFLICT (source, stream, fingerprint) DO NOTHING`;
}

/** Newest first. */
export async function listSchemas(
  db: Prisma,
  { source, stream }: { source: string; stream: string },
): Promise<StoredSchema[]> {
  const rows = await db.schemaVersion.findMany({ where: { source, stream }, orderBy: { firstSeenAt: "desc" } });
  return rows.map(({ fingerprint, jsonSchema, firstSeenAt }) => {
    return { fingerprint, jsonSchema: jsonSchema as JsonObject, firstSeenAt };
  });
}
