import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { FailurePoint } from "@penstock/core/failure-points";
import { emptyBatch } from "@penstock/core/record";
import type { RunIdentity } from "@penstock/core/run";
import { databaseTargets } from "@penstock/testing/databases";
import { waitUntil } from "@penstock/testing/wait-until";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openStore } from "./open-store.ts";
import { changedRecords, pagesFor, partition } from "./page-of.ts";
import type { PageCommit, Store } from "./store.ts";

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const tooDeep = `{"value":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
const refused = { sqlite: tooDeep, postgresql: '{"value":"\\u0000"}' };
const count = 6;
/** Those that came first went alone, as many as there are transactions side by side; the others waited for them. */
const transactions = { sqlite: 2, postgresql: 3 };

describe.each(databaseTargets())("pages committed at once on $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
  let stack: AsyncDisposableStack;
  let url: string;
  let store: Store;
  let run: RunIdentity;
  const reached: FailurePoint[] = [];
  let failAt: FailurePoint | undefined;
  let hold: (point: FailurePoint) => Promise<void> | undefined;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    reached.length = 0;
    failAt = undefined;
    hold = () => undefined;
    ({ url } = stack.adopt(await create(), (created) => created.drop()));
    const reach = async (point: FailurePoint) => {
      reached.push(point);
      if (point === failAt) throw new Error(`failed at ${point}`);
      await hold(point);
    };
    store = stack.adopt(await openStore({ url, migrationsRoot, reach }), (opened) => opened.close());
    run = (await store.startRun({ ...partition, mode: "incremental", takeOver: "none" })).run;
  });
  afterEach(() => stack.disposeAsync());

  const pages = (change: (seq: number) => Partial<PageCommit> = () => ({})): PageCommit[] =>
    Array.from({ length: count }, (_, seq) =>
      pageOf(run, {
        seq,
        keys: [`k${seq}a`, `k${seq}b`],
        ...(seq === count - 1 && { isLast: true, cursorOut: null }),
        watermark: new Date(Date.UTC(2026, 0, 10 - seq)),
        ...change(seq),
      }),
    );
  const timesReached = (point: FailurePoint) => reached.filter((each) => each === point).length;
  const stored = async () => {
    const [checkpoint] = await store.listCheckpoints({ ...partition, limit: 1 });
    return { checkpoint, run: (await store.readRun(run.runId))?.run };
  };

  test("share transactions, and end as they would one behind the other, in whatever order they come", async () => {
    const committed = await Promise.all(
      pages()
        .reverse()
        .map((page) => store.commitPage(page)),
    );
    expect(timesReached("commit.checkpoint-locked")).toBe(transactions[name]);
    expect(committed.map(({ account }) => account.inserted)).toEqual(Array(count).fill(2));
    expect(committed.filter(({ endedRun }) => endedRun)).toHaveLength(1);
    const account = { fetched: 2 * count, inserted: 2 * count };
    expect(await stored()).toMatchObject({
      run: { status: "succeeded", committedSeq: count - 1, pages: count, account },
      checkpoint: { bound: String(10 * count), watermark: new Date("2026-01-10T00:00:00Z") },
    });
  });

  test("share transactions too when they have no record", async () => {
    const committed = await Promise.all(pages(() => ({ records: emptyBatch, fetched: 0 })).map(store.commitPage));
    expect(timesReached("commit.checkpoint-locked")).toBe(transactions[name]);
    expect(committed.map(({ account }) => account.fetched)).toEqual(Array(count).fill(0));
    expect((await stored()).run).toMatchObject({ status: "succeeded", pages: count });
  });

  test("share transactions too when their records are large", async () => {
    const large = (page: PageCommit) =>
      changedRecords(page, (record) => ({ ...record, data: JSON.stringify({ note: "x".repeat(1_000_000) }) }));
    const committed = await Promise.all(pages().map((page) => store.commitPage({ ...page, records: large(page) })));
    expect(timesReached("commit.checkpoint-locked")).toBe(transactions[name]);
    expect(committed.map(({ account }) => account.inserted)).toEqual(Array(count).fill(2));
  });

  test("of two transactions side by side the second sees at the checkpoint what the first committed meanwhile", async () => {
    const isBehind = Promise.withResolvers<void>();
    // SQLite has none side by side: there the second begins when the first has ended.
    if (name === "postgresql")
      hold = (point) => {
        if (point === "commit.letters-written" && timesReached(point) === 2) isBehind.resolve();
        const isFirst = point === "commit.checkpoint-moved" && timesReached(point) === 1;
        return isFirst ? isBehind.promise.then(() => delay(200)) : undefined;
      };
    const last = { isLast: true, cursorOut: null };
    // Enough for a transaction of its own.
    const { records, fetched } = pageOf(run, { keys: Array.from({ length: 1_000 }, (_, i) => `k${i}`) });
    const [first, second] = pages((seq) => (seq === 1 ? { ...last, records, fetched } : {}));
    await Promise.all([first, second].map((page) => store.commitPage(page ?? pageOf(run))));
    expect(await stored()).toMatchObject({ run: { status: "succeeded", committedSeq: 1, pages: 2 } });
  });

  if (name === "postgresql")
    test.each([
      ["small", 48, 60, 256],
      ["large", 24, 1_000, 8_192],
    ])(
      "%s ones that have records in common are not two transactions that wait for each other",
      async (_, many, size, among) => {
        // An odd stride brings each of a power of two once.
        const keysOf = (seq: number) =>
          Array.from({ length: size }, (_, i) => `k${((2 * seq + 1) * 37 * i + seq) % among}`).sort();
        const waiting = Array.from({ length: many }, (_, seq) =>
          pageOf(run, { seq, keys: keysOf(seq), value: seq, observedAt: new Date(Date.UTC(2026, 0, 1, 0, 0, seq)) }),
        );
        const commitNext = async () => {
          for (let page = waiting.shift(); page !== undefined; page = waiting.shift()) await store.commitPage(page);
        };
        await Promise.all(Array.from({ length: 8 }, commitNext));
        expect((await stored()).run).toMatchObject({ pages: many, account: { fetched: many * size } });
        expect(await deadlocksOf(store, url)).toBe(0);
      },
    );

  test("wait for nobody when each comes behind the other", async () => {
    using timers = vi.spyOn(globalThis, "setTimeout");
    for (const page of pages()) await store.commitPage(page);
    // What is left are the limits of transactions, which are minutes.
    expect(timers.mock.calls.filter(([, ms = 0]) => ms < 1_000)).toEqual([]);
  });

  test("one that is delivered twice counts once", async () => {
    const [first, ...others] = pages();
    const delivered = [first, ...others, ...others].flatMap((page) => page ?? []);
    const committed = await Promise.all(delivered.map((page) => store.commitPage(page)));
    expect(timesReached("commit.checkpoint-locked")).toBe(transactions[name]);
    expect(committed.filter(({ isFirst }) => isFirst)).toHaveLength(count);
    expect(await stored()).toMatchObject({ run: { pages: count, account: { fetched: 2 * count, unchanged: 0 } } });
  });

  test("those that overlap count each record once, and leave what was observed last", async () => {
    const overlapping = (value: (seq: number) => number) =>
      pages((seq) => {
        const keys = [`k${seq}`, `k${seq + 1}`];
        return {
          records: pageOf(run, { keys, value: value(seq) }).records,
          observedAt: new Date(Date.UTC(2026, 0, 1, 0, seq)),
        };
      });
    const committed = await Promise.all(overlapping(() => 0).map((page) => store.commitPage(page)));
    expect(committed.every(({ account }) => account.inserted + account.unchanged === 2)).toBe(true);
    expect(await stored()).toMatchObject({
      run: { account: { inserted: count + 1, updated: 0, unchanged: count - 1 } },
    });

    run = (await store.startRun({ ...partition, mode: "full", takeOver: "none" })).run;
    const later = overlapping((seq) => 1 + seq).map((page) => ({
      ...page,
      observedAt: new Date(page.observedAt.getTime() + 3_600_000),
    }));
    await Promise.all(later.map((page) => store.commitPage(page)));
    // Where two transactions are side by side, what is older may come later, and changes nothing then.
    const account = (await stored()).run?.account;
    expect((account?.updated ?? 0) + (account?.unchanged ?? 0)).toBe(2 * count);
    expect(await store.queryView("SELECT key, seq, data ->> 'value' AS value FROM records ORDER BY key")).toMatchObject(
      Array.from({ length: count + 1 }, (_, i) => {
        const seq = Math.min(i, count - 1);
        return { key: `k${i}`, seq, value: expect.toSatisfy((value) => Number(value) === 1 + seq) };
      }),
    );
  });

  test("what the database refuses of one is set aside, the others land", async () => {
    const all = pages().map((page) => {
      if (page.seq !== 3) return page;
      const records = changedRecords(page, (record, i) => (i === 0 ? { ...record, data: refused[name] } : record));
      return { ...page, records };
    });
    const committed = await Promise.all(all.map((page) => store.commitPage(page)));
    expect(committed.map(({ account }) => account.deadLettered)).toEqual([0, 0, 0, 1, 0, 0]);
    expect(await store.listLetters({ limit: 9 })).toMatchObject([{ code: "RECORD_REFUSED", key: "k3a", seq: 3 }]);
    expect(await stored()).toMatchObject({ run: { status: "succeeded", account: { inserted: 2 * count - 1 } } });
  });

  test("one whose account does not add up fails alone, with nothing written of it", async () => {
    const all = pages((seq) => (seq === 2 ? { fetched: 3 } : {}));
    const results = await Promise.allSettled(all.map((page) => store.commitPage(page)));
    expect(results.map(({ status }) => status === "fulfilled")).toEqual([true, true, false, true, true, true]);
    expect(results[2]).toMatchObject({ reason: { code: "ACCOUNT_VIOLATED" } });
    expect(await stored()).toMatchObject({ run: { status: "running", committedSeq: 1, pages: count - 1 } });
    await store.commitPage(pages()[2] ?? pageOf(run));
    expect(await stored()).toMatchObject({ run: { status: "succeeded", committedSeq: count - 1, pages: count } });
  });

  test("a failure on the way leaves nothing of any, and the next ones go on", async () => {
    failAt = "commit.checkpoint-moved";
    const results = await Promise.allSettled(pages().map((page) => store.commitPage(page)));
    expect(results.map(({ status }) => status)).toEqual(Array(count).fill("rejected"));
    expect(await store.queryView("SELECT key FROM records")).toEqual([]);
    failAt = undefined;
    await Promise.all(pages().map((page) => store.commitPage(page)));
    expect(await stored()).toMatchObject({ run: { status: "succeeded", pages: count } });
  });
});

/** What a connection counted is told when it ends, at the latest. */
async function deadlocksOf(store: Store, url: string): Promise<number> {
  await store.close();
  await using client = Object.assign(new Client(url), { [Symbol.asyncDispose]: () => client.end() });
  await client.connect();
  const ask = async (statement: string) => Number((await client.query<{ n: string }>(statement)).rows[0]?.n);
  const others =
    "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
  await waitUntil(async () => (await ask(others)) === 0, { what: "the store's connections to end" });
  return await ask("SELECT deadlocks AS n FROM pg_stat_database WHERE datname = current_database()");
}
