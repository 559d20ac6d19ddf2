import type { ColumnType, StreamView } from "./store.ts";

/*
 * The statement of a stream's view. Every column has its declared type or is NULL: rows that an older schema of the stream left
 * may hold anything, and one of them must not make the whole view fail.
 */

type ViewDialect = "sqlite" | "postgresql";
type ColumnSql = Record<ColumnType, (field: string) => string>;

const ofType = (field: string, type: string, value: string): string =>
  `CASE WHEN jsonb_typeof(data->'${field}') = '${type}' THEN ${value} END`;

const columnSql: Record<ViewDialect, ColumnSql> = {
  postgresql: {
    text: (field) => `data->>'${field}'`,
    integer: (field) => ofType(field, "number", `(data->>'${field}')::numeric::bigint`),
    real: (field) => ofType(field, "number", `(data->>'${field}')::double precision`),
    boolean: (field) => ofType(field, "boolean", `(data->>'${field}')::boolean`),
    timestamp: (field) =>
      `CASE WHEN data->>'${field}' ~ '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}' THEN (data->>'${field}')::timestamptz END`,
    json: (field) => `NULLIF(data->'${field}', 'null')`,
  },
  sqlite: {
    text: (field) => `CAST(data->>'$."${field}"' AS TEXT)`,
    integer: (field) => `CAST(data->>'$."${field}"' AS INTEGER)`,
    real: (field) => `CAST(data->>'$."${field}"' AS REAL)`,
    boolean: (field) => `data->>'$."${field}"'`,
    timestamp: (field) => `data->>'$."${field}"'`,
    json: (field) => `NULLIF(data->'$."${field}"', 'null')`,
  },
};

/** When the row was observed, in the format the stream's own timestamps have. */
const fetchedAt: Record<ViewDialect, string> = {
  postgresql: "observed_at",
  sqlite: "replace(observed_at, '+00:00', 'Z')",
};

/** `CREATE VIEW …` with the stream's columns, plus `fetched_at` where it has none of that name. Deleted records are left out. */
export function viewSql(dialect: ViewDialect, { source, stream, name, columns }: StreamView): string {
  const selected = columns.map(
    (column) => `${columnSql[dialect][column.type](quoted(column.name))} AS "${column.name.replaceAll('"', '""')}"`,
  );
  if (!columns.some((column) => column.name === "fetched_at")) selected.push(`${fetchedAt[dialect]} AS "fetched_at"`);
  const where = `source = '${quoted(source)}' AND stream = '${quoted(stream)}' AND deleted_at IS NULL`;
  return `CREATE VIEW "${name}" AS SELECT ${selected.join(", ")} FROM records WHERE ${where}`;
}

function quoted(text: string): string {
  return text.replaceAll("'", "''");
}
