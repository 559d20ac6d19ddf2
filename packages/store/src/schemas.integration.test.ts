import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { databaseTargets } from "@penstock/testing/databases";
import { describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";

const root = join(import.meta.dirname, "../../../prisma");

type Column = { name: string; isOptional: boolean };
type Table = { name: string; columns: Column[]; primaryKey: string[] };

/** The models of a schema file, by the names they have in the database. */
function tablesOf(schema: string): Table[] {
  return [...schema.matchAll(/^model \w+ \{\n([\s\S]*?)^\}/gm)].map(([, body = ""]) => {
    const fields = [...body.matchAll(/^ {2}(\w+) +\w+(\?)?(.*)$/gm)].map(([, field = "", optional, rest = ""]) => ({
      field,
      name: /@map\("(\w+)"\)/.exec(rest)?.[1] ?? field,
      isOptional: optional === "?",
      isId: /@id\b/.test(rest),
    }));
    const composite = /@@id\(\[(.*)\]\)/.exec(body)?.[1]?.split(", ") ?? [];
    const keyFields = composite.length > 0 ? composite : fields.filter(({ isId }) => isId).map(({ field }) => field);
    return {
      name: /@@map\("(\w+)"\)/.exec(body)?.[1] ?? "",
      columns: fields.map(({ name, isOptional }) => ({ name, isOptional })),
      primaryKey: keyFields.map((key) => fields.find(({ field }) => field === key)?.name ?? key),
    };
  });
}

const byName = (a: { name: unknown }, b: { name: unknown }) => (String(a.name) < String(b.name) ? -1 : 1);

const schemaOf = (dialect: string) => readFile(join(root, dialect, "schema.prisma"), "utf8");

test("the schemas of both databases have the same models, but for the type of timestamps", async () => {
  const [lite, postgres] = await Promise.all([schemaOf("sqlite"), schemaOf("postgresql")]);
  const models = (schema: string) =>
    schema.slice(schema.indexOf("model ")).replaceAll(" @db.Timestamptz(3)", "").replaceAll(/ +/g, " ");
  expect(tablesOf(lite).length).toBeGreaterThanOrEqual(9);
  expect(models(postgres).replaceAll(" \n", "\n")).toBe(models(lite).replaceAll(" \n", "\n"));
});

describe.each(databaseTargets())("the migrated $name", ({ name, create }) => {
  test("has the tables, columns, nullability and primary keys its schema declares", async () => {
    const database = await create();
    const store = await openStore({ url: database.url, migrationsRoot: root });
    for (const table of tablesOf(await schemaOf(name))) {
      const columns = await store.queryView(
        name === "sqlite"
          ? `SELECT name, "notnull" = 0 AS optional, pk FROM pragma_table_info('${table.name}') ORDER BY cid`
          : `SELECT c.column_name AS name, (c.is_nullable = 'YES')::int AS optional, COALESCE(k.ordinal_position, 0) AS pk
             FROM information_schema.columns c LEFT JOIN information_schema.key_column_usage k
               ON k.table_name = c.table_name AND k.column_name = c.column_name AND k.constraint_name = '${table.name}_pkey'
             WHERE c.table_name = '${table.name}' ORDER BY c.ordinal_position`,
      );
      // Migrations add columns at the end, wherever the schema has them.
      expect(
        columns.map((column) => ({ name: column["name"], isOptional: column["optional"] === 1 })).sort(byName),
        table.name,
      ).toEqual(table.columns.toSorted(byName));
      const key = columns
        .filter((column) => Number(column["pk"]) > 0)
        .sort((a, b) => Number(a["pk"]) - Number(b["pk"]));
      expect(
        key.map((column) => column["name"]),
        table.name,
      ).toEqual(table.primaryKey);
    }
    await store.close();
    await database.drop();
  });
});
