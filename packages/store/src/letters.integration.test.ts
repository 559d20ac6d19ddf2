import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { NewLetter } from "@penstock/core/letter";
import { emptyBatch } from "@penstock/core/record";
import type { RunIdentity } from "@penstock/core/run";
import { databaseTargets } from "@penstock/testing/databases";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { pagesFor, partition } from "./page-of.ts";
import type { Store, StoredLetter } from "./store.ts";

const author = { actor: "cli:test@here", reason: null };
const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const [monday, tuesday] = [new Date("2026-01-05T00:00:00Z"), new Date("2026-01-06T00:00:00Z")];

describe.each(databaseTargets())("dead letters on $name", ({ name, create }) => {
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

  let seq = 0;
  const letterOf = (change: Partial<NewLetter> = {}): NewLetter => ({
    ...partition,
    stage: "transform",
    kind: "record",
    key: "k",
    code: "RECORD_INVALID",
    message: "m",
    path: null,
    payload: "{}",
    runId: run.runId,
    seq: 0,
    observedAt: monday,
    traceId: null,
    ...change,
  });
  /** A page of its own that has only this letter. */
  const meet = (change: Partial<NewLetter> = {}) => {
    const letter = letterOf(change);
    return store.commitPage(
      pageOf(run, { seq: seq++, keys: [], observedAt: letter.observedAt, letters: [letter], deadLettered: 1 }),
    );
  };
  const only = async (): Promise<StoredLetter> => {
    const letters = await store.listLetters({ limit: 9 });
    expect(letters).toHaveLength(1);
    return letters[0] as StoredLetter;
  };
  const redriveOf = ({ id, redrives }: StoredLetter) => ({
    ...partition,
    letterId: id,
    redrives,
    runId: run.runId,
    seq: 0,
    observedAt: monday,
    records: emptyBatch,
    letters: [],
    schemaVersion: "v1",
    writeMode: "merge" as const,
  });

  test("a letter met while it is being redriven is open again: the redrive knows only the payload of before", async () => {
    await meet({ payload: '{"n":1}' });
    const [claimed] = await store.claimForRedrive({ limit: 1 }, author);
    await meet({ payload: '{"n":2}', observedAt: tuesday });
    expect(await store.commitRedrive(redriveOf(claimed as StoredLetter))).toEqual({ isResolved: false });
    expect(await only()).toMatchObject({ status: "open", payload: '{"n":2}', attempts: 2 });
  });

  test("a letter keeps its newest observation, however late an older one comes", async () => {
    await meet({ payload: '{"n":2}', message: "new", observedAt: tuesday });
    await meet({ payload: '{"n":1}', message: "old", observedAt: monday });
    expect(await only()).toMatchObject({ payload: '{"n":2}', message: "new", observedAt: tuesday, attempts: 2 });
  });

  test("a good record resolves the letters that were observed before it, not those after", async () => {
    await meet({ observedAt: tuesday });
    await store.commitPage(pageOf(run, { seq: seq++, keys: ["k"], observedAt: monday }));
    expect((await only()).status).toBe("open");
    await store.commitPage(pageOf(run, { seq: seq++, keys: ["k"], observedAt: tuesday }));
    expect((await only()).status).toBe("resolved");
  });

  test("a page with a good and a bad record of one key leaves the letter of the bad one open, delivered twice too", async () => {
    const page = pageOf(run, { keys: ["k"], observedAt: monday, letters: [letterOf()], deadLettered: 1 });
    await store.commitPage(page);
    await store.commitPage(page);
    expect(await only()).toMatchObject({ status: "open", attempts: 1 });
  });

  test("a letter of another stream is not touched", async () => {
    await meet({ stream: "other" });
    await store.commitPage(pageOf(run, { seq: seq++, keys: ["k"], observedAt: tuesday }));
    expect((await only()).status).toBe("open");
  });

  test("any text can be kept in a letter", async () => {
    await meet({
      key: "nul \0 and half \ud800",
      message: "bad \0",
      path: "\udc00",
      payload: '{"id":"\\u0000 \\ud800"}',
    });
    expect(await only()).toMatchObject({
      key: "nul \ufffd and half \ufffd",
      message: "bad \ufffd",
      payload: '{"id":"\\u0000 \\ud800"}',
    });
  });

  test("of two that claim at once each letter goes to one", async () => {
    for (const key of ["a", "b", "c", "d", "e", "f"]) await meet({ key });
    const claims = await Promise.all([1, 2, 3].map(() => store.claimForRedrive({ limit: 4 }, author)));
    const ids = claims.flat().map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(claims.flat().every(({ redrives }) => redrives === 1)).toBe(true);
  });

  test("filters by id, source, stream, code and status; lists oldest or newest first", async () => {
    for (const key of ["a", "b", "c"]) {
      await meet({ key, code: key === "b" ? "KEY_MISSING" : "RECORD_INVALID" });
      // SQLite's clock tells milliseconds apart, and two letters may be written within one.
      await delay(2);
    }
    const keys = async (filter: Partial<Parameters<Store["listLetters"]>[0]>) =>
      (await store.listLetters({ limit: 9, ...filter })).map(({ key }) => key);
    expect(await keys({})).toEqual(["a", "b", "c"]);
    expect(await keys({ newestFirst: true, limit: 2 })).toEqual(["c", "b"]);
    expect(await keys({ code: "KEY_MISSING" })).toEqual(["b"]);
    const [first] = await store.listLetters({ limit: 1 });
    expect(await keys({ ids: [first?.id ?? ""] })).toEqual(["a"]);
    expect(await store.discardLetters([first?.id ?? ""], author)).toHaveLength(1);
    expect(await keys({ status: "open" })).toEqual(["b", "c"]);
    expect(await store.countLetters({ status: "discarded", source: "s", stream: "t" })).toBe(1);
    expect(await keys({ stream: "none" })).toEqual([]);
    expect(await store.readLetter("none")).toBeUndefined();
  });

  test("more of them than a statement takes parameters are listed, claimed and discarded, oldest first", async () => {
    const letters = Array.from({ length: 3_000 }, (_, i) => letterOf({ key: `k${i}` }));
    const deadLetterBudget = { kind: "share", most: 1 } as const;
    await store.commitPage(pageOf(run, { seq: seq++, keys: [], letters, deadLettered: 3_000, deadLetterBudget }));
    const listed = await store.listLetters({ limit: 9_999 });
    const ids = listed.map(({ id }) => id);
    expect(await store.listLetters({ ids, limit: 9_999 })).toEqual(listed);
    expect(await store.countLetters({ ids })).toBe(3_000);
    const claimed = await store.claimForRedrive({ ids, limit: 1_500 }, author);
    expect(claimed.map(({ id }) => id)).toEqual(ids.slice(0, 1_500));
    expect(await store.claimForRedrive({ limit: 1_000 }, author)).toHaveLength(1_000);
    expect(await store.discardLetters(ids, author)).toHaveLength(500);
  });

  test("a request that is given up after its run has ended leaves no letter", async () => {
    await store.endRun(run.runId, { status: "cancelled" });
    await store.settleFetch(letterOf({ stage: "fetch", kind: "request", key: "c0" }));
    expect(await store.countLetters({})).toBe(0);
  });

  test("a request's letter is resolved by a later run that succeeds; a full run's only by one from the beginning", async () => {
    const request = (runId: string) => letterOf({ stage: "fetch", kind: "request", key: "c9", runId, payload: runId });
    const start = async (mode: "incremental" | "full") =>
      (await store.startRun({ ...partition, mode, takeOver: "none" })).run;
    const succeed = (started: RunIdentity) =>
      store.commitPage(pageOf(started, { keys: ["a"], isLast: true, cursorOut: null }));
    const bad = { ...letterOf({ key: "bad" }), runId: run.runId };
    await store.commitPage(pageOf(run, { seq: 0, keys: [], letters: [bad], deadLettered: 1 }));
    await store.settleFetch(request(run.runId));
    await store.settleFetch(request((await start("incremental")).runId));
    expect(await store.countLetters({ status: "open" })).toBe(2);
    await succeed(await start("incremental"));
    expect(await store.listLetters({ status: "open", limit: 9 })).toMatchObject([{ kind: "record" }]);

    await store.settleFetch(request((await start("full")).runId));
    const incremental = await start("incremental");
    expect(incremental.boundAtStart).not.toBeNull();
    await succeed(incremental);
    expect(await store.countLetters({ status: "open" })).toBe(2);
    await succeed(await start("full"));
    expect(await store.listLetters({ status: "open", limit: 9 })).toMatchObject([{ kind: "record" }]);
  });
});
