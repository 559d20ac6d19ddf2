import { join } from "node:path";
import type { RunIdentity } from "@penstock/core/run";
import { databaseTargets } from "@penstock/testing/databases";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { changedRecords, pagesFor, partition } from "./page-of.ts";
import type { Store } from "./store.ts";

const author = { actor: "cli:test@here", reason: null };
const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const tooDeep = `{"value":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
/** What each database does not take. */
const refused = { sqlite: tooDeep, postgresql: '{"value":"\\u0000"}' };

describe.each(databaseTargets())("records that $name refuses", ({ name, create }) => {
  const pageOf = pagesFor(name);
  let stack: AsyncDisposableStack;
  let store: Store;
  let run: RunIdentity;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    const { url } = stack.adopt(await create(), (created) => created.drop());
    store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
    run = (await store.startRun({ ...partition, mode: "incremental", takeOver: "none" })).run;
  });
  afterEach(() => stack.disposeAsync());

  const keys = async () => (await store.queryView("SELECT key FROM records ORDER BY key")).map((row) => row["key"]);

  test("become letters with their raw record, the others of the page land", async () => {
    const page = pageOf(run, {
      keys: Array.from({ length: 40 }, (_, i) => `k${i + 10}`),
      isLast: true,
      cursorOut: null,
    });
    const records = changedRecords(page, (record) =>
      ["k17", "k33"].includes(record.key) ? { ...record, data: refused[name] } : record,
    );
    const committed = await store.commitPage({ ...page, records });
    expect(committed).toMatchObject({
      rowsWritten: 38,
      runStatus: "succeeded",
      account: { fetched: 40, inserted: 38, deadLettered: 2 },
    });
    const letters = await store.listLetters({ limit: 9 });
    expect(letters.sort((a, b) => ((a.key ?? "") < (b.key ?? "") ? -1 : 1))).toMatchObject([
      { code: "RECORD_REFUSED", key: "k17", payload: '{"input":7}', message: expect.stringContaining("k17") },
      { code: "RECORD_REFUSED", key: "k33", payload: '{"input":23}' },
    ]);
    expect(await keys()).not.toContain("k17");
  });

  test("count once however many of their input's rows are refused", async () => {
    const page = pageOf(run, { keys: ["a", "b", "c", "d"], fetched: 2 });
    const records = changedRecords(page, (record, i) => ({
      ...record,
      input: i < 3 ? 0 : 1,
      ...(i < 2 && { data: refused[name] }),
    }));
    expect((await store.commitPage({ ...page, records })).account).toMatchObject({
      fetched: 2,
      inserted: 1,
      deadLettered: 1,
    });
    expect(await store.countLetters({})).toBe(1);
  });

  test("delivered again, attempts stay", async () => {
    const page = pageOf(run, { keys: ["a", "b"] });
    const records = changedRecords(page, (record) =>
      record.key === "b" ? { ...record, data: refused[name] } : record,
    );
    await store.commitPage({ ...page, records });
    expect(await store.commitPage({ ...page, records })).toMatchObject({
      isFirst: false,
      account: { unchanged: 1, deadLettered: 1 },
    });
    expect(await store.listLetters({ limit: 9 })).toMatchObject([{ attempts: 1, key: "b" }]);
  });

  test("that a redrive made open their letter again, with the reason", async () => {
    const letter = {
      ...partition,
      stage: "transform",
      kind: "record",
      key: "a",
      code: "RECORD_INVALID",
      message: "m",
      path: null,
      payload: "{}",
      runId: run.runId,
      seq: 0,
      observedAt: new Date(),
      traceId: null,
    } as const;
    await store.commitPage(pageOf(run, { keys: [], letters: [letter], deadLettered: 1 }));
    const [claimed] = await store.claimForRedrive({ limit: 1 }, author);
    const records = changedRecords(pageOf(run, { keys: ["a"] }), (record) => ({ ...record, data: refused[name] }));
    const redrive = {
      ...partition,
      letterId: claimed?.id ?? "",
      redrives: 1,
      runId: run.runId,
      seq: 0,
      observedAt: new Date(),
      records,
      letters: [],
      schemaVersion: "v1",
      writeMode: "merge" as const,
    };
    await expect(store.commitRedrive(redrive)).rejects.toMatchObject({
      name: "InvalidRecordError",
      code: "RECORD_REFUSED",
    });
    expect(await store.readLetter(claimed?.id ?? "")).toMatchObject({ status: "redriving" });
  });

  if (name === "postgresql")
    test("for a key it cannot hold are set aside too", async () => {
      const page = pageOf(run, { keys: ["a", "b\0", "c\ud800"], contentHash: "h" });
      expect((await store.commitPage(page)).account).toMatchObject({ inserted: 1, deadLettered: 2 });
      expect(await keys()).toEqual(["a"]);
      expect((await store.listLetters({ limit: 9 })).map(({ key }) => key).sort()).toEqual(["b\ufffd", "c\ufffd"]);
    });
});
