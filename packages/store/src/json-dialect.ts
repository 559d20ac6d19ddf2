import { Prisma } from "../generated/postgresql/client.ts";

/** What the two databases do not say alike about JSON and texts: reading fields of a record's data, and writing JSON. */
export type JsonDialect = {
  /** A field of `data`, found by its path. */
  fieldOf(path: readonly string[]): FieldSql;
  /** The same as JSON, to stand in a JSON object. */
  fieldJson(path: readonly string[]): Prisma.Sql;
  /** JSON text, its fields in the order given. */
  jsonObject(fields: readonly (readonly [name: string, value: Prisma.Sql])[]): Prisma.Sql;
  /** Whole seconds since 1970. */
  epochSeconds(column: Prisma.Sql): Prisma.Sql;
  contains(text: Prisma.Sql, part: string): Prisma.Sql;
};

/** A field of the data: its JSON type (NULL where it is not there), and its value where it has a type. */
export type FieldSql = {
  type: Prisma.Sql;
  isText: Prisma.Sql;
  isNumber: Prisma.Sql;
  /** Null, or not there. */
  isNull: Prisma.Sql;
  isFlag(value: boolean): Prisma.Sql;
  text: Prisma.Sql;
  number: Prisma.Sql;
};

/** Names and values in turn. The names stand in the statement: Postgres could not tell the type of a parameter there. */
function pairs(fields: readonly (readonly [string, Prisma.Sql])[]): Prisma.Sql {
  const named = fields.map(([name, value]) => Prisma.sql`${Prisma.raw(`'${name.replaceAll("'", "''")}'`)}, ${value}`);
  return Prisma.join(named);
}

export const sqliteJson: JsonDialect = {
  fieldOf: (path) => {
    const place = sqlitePath(path);
    const type = Prisma.sql`json_type(data, ${place})`;
    const value = Prisma.sql`json_extract(data, ${place})`;
    return {
      type,
      isText: Prisma.sql`${type} = 'text'`,
      isNumber: Prisma.sql`${type} IN ('integer', 'real')`,
      isNull: Prisma.sql`COALESCE(${type}, 'null') = 'null'`,
      isFlag: (flag) => Prisma.sql`COALESCE(${type}, '') = ${String(flag)}`,
      text: value,
      number: value,
    };
  },
  fieldJson: (path) => Prisma.sql`data -> ${sqlitePath(path)}`,
  jsonObject: (fields) => Prisma.sql`json_object(${pairs(fields)})`,
  epochSeconds: (column) => Prisma.sql`CAST(strftime('%s', ${column}) AS INTEGER)`,
  contains: (text, part) => Prisma.sql`instr(${text}, ${part}) > 0`,
};

/** Names are quoted, so that none of them is taken for a position or an operator. */
function sqlitePath(path: readonly string[]): string {
  return `$${path.map((name) => `."${name}"`).join("")}`;
}

export const postgresqlJson: JsonDialect = {
  fieldOf: (path) => {
    const value = Prisma.sql`data #> ${postgresqlPath(path)}`;
    const text = Prisma.sql`data #>> ${postgresqlPath(path)}`;
    const type = Prisma.sql`jsonb_typeof(${value})`;
    return {
      type,
      isText: Prisma.sql`${type} = 'string'`,
      isNumber: Prisma.sql`${type} = 'number'`,
      isNull: Prisma.sql`COALESCE(${type}, 'null') = 'null'`,
      isFlag: (flag) => Prisma.sql`COALESCE(${type} = 'boolean' AND (${text}) = ${String(flag)}, false)`,
      text: Prisma.sql`(${text}) COLLATE "C"`,
      number: Prisma.sql`(${text})::numeric`,
    };
  },
  fieldJson: (path) => Prisma.sql`data #> ${postgresqlPath(path)}`,
  jsonObject: (fields) => Prisma.sql`json_build_object(${pairs(fields)})`,
  epochSeconds: (column) => Prisma.sql`floor(extract(epoch FROM ${column}))::bigint`,
  contains: (text, part) => Prisma.sql`strpos(${text}, ${part}) > 0`,
};

/** Elements of a path are checked to have no comma, brace or quote. */
function postgresqlPath(path: readonly string[]): Prisma.Sql {
  return Prisma.sql`string_to_array(${path.join(".")}, '.')`;
}
