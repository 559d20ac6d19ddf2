import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { FailurePoint } from "@penstock/core/failure-points";
import { databaseTargets } from "@penstock/testing/databases";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore } from "../open-store.ts";
import { pagesFor } from "../page-of.ts";
import type { Store } from "../store.ts";
import type { ChangePlace } from "./queries.ts";

const migrationsRoot = join(import.meta.dirname, "../../../../prisma");

describe.each(databaseTargets())("changes on $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
  const stack = new AsyncDisposableStack();
  let store: Store;
  let url: string;
  let hold: Promise<void> | undefined;
  let reached: () => void = () => undefined;
  beforeAll(async () => {
    const database = stack.adopt(await create(), (created) => created.drop());
    url = database.url;
    const reach = (point: FailurePoint) => {
      if (point !== "commit.records-written" || hold === undefined) return;
      reached();
      return hold;
    };
    store = stack.adopt(await openStore({ url, migrationsRoot, reach }), (opened) => opened.close());
  });
  afterAll(() => stack.disposeAsync());

  const start = async (stream: string) =>
    (await store.startRun({ source: "s", stream, partition: "live", mode: "full", takeOver: "any" })).run;
  /** Reads until caught up with at least `least` changes: what runs in other databases of a Postgres server delays them. */
  const readAll = async (
    from: ChangePlace | "now" | undefined,
    { least = 0, limit = 100, ...rest }: { least?: number; limit?: number; stream?: string } = {},
  ) => {
    const found: string[] = [];
    for (let after = from; ; ) {
      const query = { limit, ...(after !== undefined && { after }), ...rest };
      const { changes, next, isCaughtUp } = await store.queries.changes(query);
      for (const text of changes) {
        const { change, record } = JSON.parse(text);
        found.push(`${change} ${record.key}`);
      }
      if (isCaughtUp && found.length >= least) return { found, next };
      if (isCaughtUp) await sleep(10);
      after = next;
    }
  };

  test("come in the order of their commits, each record at its last, and go on where one left off", async () => {
    const run = await start("t");
    await store.commitPage(pageOf(run, { keys: ["b", "a"] }));
    await store.commitPage(pageOf(run, { seq: 1, keys: ["c"] }));
    const { found, next } = await readAll(undefined, { limit: 2, least: 3 });
    expect(found).toEqual(["added a", "added b", "added c"]);
    expect((await readAll(next)).found).toEqual([]);

    const later = { value: 2, observedAt: new Date("2026-02-01T00:00:00Z") };
    await store.commitPage(pageOf(run, { seq: 2, keys: ["a"], ...later }));
    await store.commitPage(pageOf(run, { seq: 3, keys: ["b"] }));
    expect((await readAll(next, { least: 1 })).found).toEqual(["updated a"]);
    expect((await readAll(undefined)).found).toEqual(["added b", "added c", "updated a"]);
    expect((await readAll("now")).found).toEqual([]);
    expect((await readAll(undefined, { stream: "other" })).found).toEqual([]);
  });

  test("leave out what is replaced as a whole", async () => {
    const { next } = await readAll("now");
    const page = pageOf(await start("whole"), { isLast: true, cursorOut: null, writeMode: "replace" });
    await store.commitPage(page);
    expect((await readAll(next)).found).toEqual([]);
  });

  if (name === "postgresql")
    test("a transaction that commits late appears behind nothing that was read", async () => {
      const [slow, fast] = [await start("slow"), await start("fast")];
      const { next } = await readAll("now");
      const isHeld = new Promise<void>((resolve) => {
        reached = resolve;
      });
      let release: () => void = () => undefined;
      hold = new Promise((resolve) => {
        release = resolve;
      });
      const late = store.commitPage(pageOf(slow, { keys: ["slow"] }));
      await isHeld;
      hold = undefined;
      await store.commitPage(pageOf(fast, { keys: ["fast"] }));
      const before = await readAll(next);
      expect(before.found).toEqual([]);
      release();
      await late;
      expect((await readAll(before.next, { least: 2 })).found).toEqual(["added slow", "added fast"]);
    });

  if (name === "postgresql")
    test("records of a server that had counted further do not hide those that come", async () => {
      const client = new Client({ connectionString: url });
      await client.connect();
      await client.query("UPDATE records SET change = change + 1000000000");
      await client.end();
      await using opened = new AsyncDisposableStack();
      opened.adopt(await openStore({ url, migrationsRoot }), (other) => other.close());
      const { found, next } = await readAll(undefined, { least: 5 });
      expect(found).toContain("added fast");
      await store.commitPage(pageOf(await start("restored"), { keys: ["new"] }));
      expect((await readAll(next, { least: 1 })).found).toEqual(["added new"]);
    });
});
