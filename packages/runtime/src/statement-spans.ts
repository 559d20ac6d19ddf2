import type { OpenStoreOptions } from "@penstock/store/open-store";
import { sampledTraceId } from "@penstock/telemetry/scope";
import type { Traces } from "@penstock/telemetry/traces";

/** A statement within a span that is recorded is a span of its own; where nothing is recorded, nothing is in the way. */
export function statementSpans(databaseUrl: string, traces: Traces): NonNullable<OpenStoreOptions["observe"]> {
  const system = databaseUrl.startsWith("file:") ? "sqlite" : "postgresql";
  return (sql, send) => {
    if (sampledTraceId() === undefined) return send();
    const name = summaryOf(sql);
    // https://opentelemetry.io/docs/specs/semconv/database/database-spans/
    const attributes = { "db.system.name": system, "db.query.summary": name };
    return traces.inSpan({ name, kind: "client", attributes }, send);
  };
}

/** What it does to which table: `INSERT records`. Of a statement that begins WITH, what its first part does. */
export function summaryOf(sql: string): string {
  const [, verb = "statement", rest = ""] =
    /\b(SELECT|INSERT|UPDATE|DELETE|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|SET)\b(.*)/is.exec(sql) ?? [];
  const place = {
    SELECT: /\bFROM\s+([\w".]+)/i,
    DELETE: /\bFROM\s+([\w".]+)/i,
    INSERT: /\bINTO\s+([\w".]+)/i,
    UPDATE: /^\s*([\w".]+)/,
  };
  const isKnown = (name: string): name is keyof typeof place => name in place;
  const word = verb.toUpperCase();
  const [, table] = (isKnown(word) ? place[word].exec(rest) : undefined) ?? [];
  return table === undefined ? word : `${word} ${table.replaceAll('"', "").replace(/^.*\./s, "")}`;
}
