import { type PGlite, parse, protocol, type types } from "@electric-sql/pglite";

export type AskStatement = (text: string, params: readonly unknown[]) => Promise<unknown[]>;

type Message = Parameters<typeof parse.parseResults>[0][number];
type Kept = { name: string; serializers: (types.Serializer | undefined)[]; columns: Message[] };

const { serialize } = protocol;

/** feature_not_supported: its result would have other columns, those of a table that was altered. invalid_sql_statement_name: DEALLOCATE. */
const outdated = new Set(["0A000", "26000"]);
const isOutdated = (error: unknown): boolean =>
  error instanceof Error && "code" in error && outdated.has(String(error.code));

/**
 * Statements with parameters, each parsed and planned when it comes for the first time, and from then on bound and executed by its name. PGlite's own
 * `query` sends Postgres six messages for a statement, one after the other, of which three are for what is known by then; BullMQ has some
 * dozens of statements, whose texts never change. One that Postgres refuses since what it was made for has changed is made anew the next time.
 *
 * @throws Error what Postgres says of the statement, as `query`
 */
export function createStatements(db: PGlite): AskStatement {
  const kept = new Map<string, Kept>();
  let named = 0;
  const send = (...messages: Uint8Array[]) => db.execProtocolStream(Buffer.concat(messages), { syncToFs: false });

  async function prepare(text: string): Promise<Kept> {
    const name = `kept_${named++}`;
    const described = await send(
      serialize.parse({ name, text }),
      serialize.describe({ type: "S", name }),
      serialize.sync(),
    );
    const statement = {
      name,
      serializers: parse.parseDescribeStatementResults(described).map((type) => db.serializers[type]),
      columns: described.filter((message) => message.name === "rowDescription"),
    };
    kept.set(text, statement);
    return statement;
  }

  return (text, params) =>
    db.runExclusive(async () => {
      const { name: statement, serializers, columns } = kept.get(text) ?? (await prepare(text));
      const values = params.map((value, i) => (value == null ? null : (serializers[i] ?? String)(value)));
      const messages = [serialize.bind({ statement, values }), serialize.execute(), serialize.sync()];
      const answer = await send(...messages).catch((error: unknown) => {
        if (isOutdated(error)) kept.delete(text);
        throw error;
      });
      return parse.parseResults([...columns, ...answer], db.parsers)[0]?.rows ?? [];
    });
}
