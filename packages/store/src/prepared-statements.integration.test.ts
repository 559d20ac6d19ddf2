import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { databaseTargets } from "@penstock/testing/databases";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { pagesFor, partition } from "./page-of.ts";
import type { Store } from "./store.ts";

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const postgresOnly = databaseTargets().filter(({ name }) => name === "postgresql");

describe.each(postgresOnly)("statements that are kept on $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
  let stack: AsyncDisposableStack;
  let url: string;
  let store: Store;

  const open = async (at: string) =>
    stack.adopt(await openStore({ url: at, migrationsRoot, poolSize: 1 }), (opened) => opened.close());

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    url = stack.adopt(await create(), (created) => created.drop()).url;
    store = await open(url);
  });
  afterEach(() => stack.disposeAsync());

  /** How often each was executed, by what it does to which table. */
  const kept = async (): Promise<[does: unknown, executed: unknown][]> => {
    const rows = await store.queryView(
      `SELECT substring(statement FROM '(?:INSERT INTO|UPDATE|FROM) [a-z]+') AS does, generic_plans + custom_plans AS executed
       FROM pg_prepared_statements ORDER BY prepare_time`,
    );
    return rows.map(({ does, executed }) => [does, executed]);
  };
  const keptForRecords = async () => (await kept()).filter(([does]) => does === "INSERT INTO records");

  const everyPage = ["FROM runs", "INSERT INTO records", "INSERT INTO pages", "FROM checkpoints", "UPDATE runs"];

  test("what comes with every page is read and planned once by a connection", async () => {
    const { run } = await store.startRun({ ...partition, mode: "incremental", takeOver: "none" });
    for (let seq = 0; seq < 7; seq++) {
      await store.readRun(run.runId);
      await store.commitPage(pageOf(run, { seq, keys: [`k${seq}`] }));
    }
    expect(await kept()).toEqual([...everyPage, "UPDATE checkpoints"].map((does) => [does, 7]));
  });

  test("a connection that keeps them goes on when a newer program has added columns", async () => {
    const { run } = await store.startRun({ ...partition, mode: "incremental", takeOver: "none" });
    await store.commitPage(pageOf(run, { seq: 0, keys: ["a"] }));
    const before = await store.readRun(run.runId);
    const other = stack.adopt(new Client({ connectionString: url }), (client) => client.end());
    await other.connect();
    for (const table of ["records", "pages", "runs", "checkpoints", "source_states"])
      await other.query(`ALTER TABLE ${table} ADD COLUMN added_later INTEGER NOT NULL DEFAULT 0`);
    expect((await store.readRun(run.runId))?.run).toEqual(before?.run);
    expect(await store.commitPage(pageOf(run, { seq: 1, keys: ["b"] }))).toMatchObject({ account: { inserted: 1 } });
    expect(await keptForRecords()).toEqual([["INSERT INTO records", 2]]);
  });

  test("pages that share a transaction have one statement for each number of them, wherever they overlap", async () => {
    const { run } = await store.startRun({ ...partition, mode: "incremental", takeOver: "none" });
    for (const overlapping of [2, 3]) {
      const key = (i: number) => `k${overlapping}${i === overlapping ? i - 1 : i}`;
      const pages = [0, 1, 2, 3].map((i) => pageOf(run, { seq: 10 * overlapping + i, keys: [key(i)] }));
      const committed = await Promise.all(pages.map((page) => store.commitPage(page)));
      expect(committed.reduce((sum, { account }) => sum + account.inserted, 0)).toBe(3);
      // So long the next page waits for others. Without it, the first goes by itself, and the others wait for that.
      await delay(100);
    }
    expect((await keptForRecords()).map(([, executed]) => executed)).toEqual([2, 2]);
  });

  test("what also reads the table that it writes is planned each time, as the table grows", async () => {
    const { run } = await store.startRun({ ...partition, mode: "full", takeOver: "none" });
    for (let seq = 0; seq < 7; seq++)
      await store.commitPage(pageOf(run, { seq, keys: [`k${seq}`], writeMode: "replace" }));
    expect(await keptForRecords()).toEqual([]);
    expect(await kept()).toContainEqual(["UPDATE runs", 7]);
  });

  test("there are none behind a pooler, which gives the next transaction to another of the server's processes", async () => {
    const pooler = stack.use(await greetAsPooler(new URL(url)));
    store = await open(pooler.url);
    const { run } = await store.startRun({ ...partition, mode: "incremental", takeOver: "none" });
    await store.commitPage(pageOf(run));
    expect(await kept()).toEqual([]);
  });
});

/** Stands before the server at `target` and answers whoever connects as PgBouncer does: as a process that is none of the server's. */
async function greetAsPooler(target: URL): Promise<AsyncDisposable & { url: string }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let isGreeted = false;
    client.pipe(upstream);
    upstream.on("data", (bytes: Buffer) => {
      if (!isGreeted && nameOtherProcess(bytes)) isGreeted = true;
      client.write(bytes);
    });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // Behind it comes its close, which is the other's, too.
      socket.on("error", () => undefined);
      socket.once("close", () => void [client, upstream].map((each) => each.destroy()));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(target);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  };
  return { url: url.toString(), [Symbol.asyncDispose]: close };
}

/** In BackendKeyData, which is a `K`, its length, the number of the process and a secret; true when that was among the messages. */
function nameOtherProcess(messages: Buffer): boolean {
  for (let at = 0; at + 5 <= messages.length; at += 1 + messages.readInt32BE(at + 1)) {
    if (messages.toString("latin1", at, at + 1) !== "K") continue;
    messages.writeInt32BE(messages.readInt32BE(at + 5) + 1, at + 5);
    return true;
  }
  return false;
}
