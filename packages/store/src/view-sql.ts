import { livePartition } from "@penstock/core/run";
import type { ColumnType, StreamView, ViewColumn } from "./store.ts";

/*
 * The statement of a stream's view. Every column has its declared type or is NULL: rows that an older schema of the stream left
 * may hold anything, and one of them must not make the whole view fail.
 */

type ViewDialect = "sqlite" | "postgresql";
type Field = { text: string; json: string; type: string };
type ColumnSql = Record<ColumnType, (field: Field) => string>;

const when = (condition: string, value: string): string => `CASE WHEN ${condition} THEN ${value} END`;
const largest = "9223372036854775807";

const columnSql: Record<ViewDialect, ColumnSql> = {
  postgresql: {
    text: ({ text }) => text,
    integer: ({ text, type }) =>
      when(`${type} = 'number'`, when(`abs((${text})::numeric) <= ${largest}`, `(${text})::numeric::bigint`)),
    real: ({ text, type }) => when(`${type} = 'number'`, `(${text})::double precision`),
    boolean: ({ text, type }) => when(`${type} = 'boolean'`, `(${text})::boolean`),
    timestamp: ({ text }) => `penstock_instant(${text})`,
    json: ({ json }) => `NULLIF(${json}, 'null')`,
  },
  sqlite: {
    text: ({ text }) => `CAST(${text} AS TEXT)`,
    integer: ({ text, type }) => when(`${type} IN ('integer', 'real')`, `CAST(${text} AS INTEGER)`),
    real: ({ text, type }) => when(`${type} IN ('integer', 'real')`, `CAST(${text} AS REAL)`),
    boolean: ({ text, type }) => when(`${type} IN ('true', 'false')`, text),
    timestamp: ({ text, type }) =>
      when(
        `${type} = 'text' AND ${text} GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]*'`,
        text,
      ),
    json: ({ json }) => `NULLIF(${json}, 'null')`,
  },
};

/** When the row was observed, in the format the stream's own timestamps have; and what came that its schema does not have. */
const added: Record<ViewDialect, Record<string, string>> = {
  postgresql: { fetched_at: "observed_at", _extra: "extra" },
  sqlite: { fetched_at: "replace(observed_at, '+00:00', 'Z')", _extra: "extra" },
};

/** `CREATE VIEW …` with the stream's columns, plus `fetched_at` and `_extra` where it has none of that name. Deleted records are left out. */
export function viewSql(dialect: ViewDialect, view: StreamView): string {
  const selected = view.columns.map((column) => `${columnExpression(dialect, column)} AS ${identifier(column.name)}`);
  const others = Object.entries(added[dialect]).filter(([name]) =>
    view.columns.every((column) => column.name !== name),
  );
  const all = [...selected, ...others.map(([name, sql]) => `${sql} AS "${name}"`)];
  return `CREATE VIEW ${identifier(view.name)} AS SELECT ${all.join(", ")} FROM records WHERE ${ofStream(view)} AND ${isCurrent(dialect, view)}`;
}

/** What selects a stream's rows: the same text in its view and in its indexes, so that the one is served by the others. */
export function ofStream({ source, stream }: Pick<StreamView, "source" | "stream">): string {
  return `source = '${quoted(source)}' AND stream = '${quoted(stream)}' AND deleted_at IS NULL`;
}

/** On SQLite without help of the primary key, which its planner would take before any index that a stream declares. */
function isCurrent(dialect: ViewDialect, { source, stream }: StreamView): string {
  const live = `source = '${quoted(source)}' AND stream = '${quoted(stream)}' AND partition = '${livePartition}'`;
  const column = dialect === "sqlite" ? "+generation" : "generation";
  return `${column} = COALESCE((SELECT generation FROM checkpoints WHERE ${live}), 0)`;
}

/** A column as an expression over `records`. */
export function columnExpression(dialect: ViewDialect, { name, path = [name], type }: ViewColumn): string {
  return columnSql[dialect][type](fieldOf(dialect, path));
}

function fieldOf(dialect: ViewDialect, path: readonly string[]): Field {
  if (dialect === "sqlite") {
    const place = `'$${path.map((field) => `."${quoted(field)}"`).join("")}'`;
    return { text: `data->>${place}`, json: `data->${place}`, type: `json_type(data, ${place})` };
  }
  const parents = path.slice(0, -1).map((field) => `->'${quoted(field)}'`);
  const last = `'${quoted(path.at(-1) ?? "")}'`;
  const json = `data${parents.join("")}->${last}`;
  return { text: `data${parents.join("")}->>${last}`, json, type: `jsonb_typeof(${json})` };
}

function quoted(text: string): string {
  return text.replaceAll("'", "''");
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
