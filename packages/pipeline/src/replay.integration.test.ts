import { promisify } from "node:util";
import { zstdCompress } from "node:zlib";
import { livePartition } from "@penstock/core/run";
import type { JobPayloads } from "@penstock/queues/catalog";
import { defineStream } from "@penstock/source/define-source";
import type { Source, Stream } from "@penstock/source/model";
import { databaseTargets } from "@penstock/testing/databases";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { PipelineContext } from "./context.ts";
import { createManualQueues } from "./manual-queues.ts";
import { createPageTransformer } from "./page-transformer.ts";
import { pruneRawPages, replayPages } from "./replay.ts";
import { openBench } from "./test-bench.ts";
import { transformPage } from "./transform.ts";

const author = { actor: "cli:test@here", reason: null };
const compress = promisify(zstdCompress);
const output = z.object({ id: z.string(), cents: z.int() });
type Order = { id: string; total: number };

/** The stream with a transform that a later version of it corrects. */
const stream = (factor: number, keepsRaw = true): Omit<Stream, "name"> =>
  defineStream({
    path: "/",
    key: "id",
    schema: z.object({ id: z.string(), total: z.number() }),
    output,
    transform: ({ id, total }) => ({ id, cents: total * factor }),
    deadLetterBudget: 100,
    ...(keepsRaw && { keepRaw: "30d" as const }),
  });

/** What each database does not take. */
const refused = { sqlite: JSON.parse(`${"[".repeat(1_500)}${"]".repeat(1_500)}`), postgresql: "\0" };

describe.each(databaseTargets())("replay on $name", (target) => {
  const stack = new AsyncDisposableStack();
  let base: PipelineContext;
  let source: Source;
  beforeAll(async () => {
    const bench = await openBench(stack, target, createManualQueues(), { streams: 1, answer: () => ({ status: 200 }) });
    base = bench.context;
    source = bench.api.source;
  });
  afterAll(() => stack.disposeAsync());

  const withStream = (name: string, defined: Omit<Stream, "name">): PipelineContext => {
    const sources = new Map([[source.name, { ...source, streams: { [name]: { ...defined, name } } }]]);
    return { ...base, sources, transformer: createPageTransformer(sources) };
  };

  /** A run of one page for each list of records, observed one after the other. */
  async function land(context: PipelineContext, name: string, pages: Order[][], day: number): Promise<string> {
    const of = { source: source.name, stream: name, partition: livePartition };
    const { run } = await base.store.startRun({ ...of, mode: "incremental", takeOver: "none" });
    for (const [seq, items] of pages.entries()) {
      const isLast = seq === pages.length - 1;
      const job: JobPayloads["transform"] = {
        ...of,
        runId: run.runId,
        fence: run.fence,
        seq,
        cursorIn: `${seq}`,
        cursorOut: isLast ? null : `${seq + 1}`,
        isLast,
        incompleteCode: null,
        contentHash: JSON.stringify(items),
        observedAt: new Date(Date.now() - (100 - day) * 60_000 + seq).toISOString(),
        count: items.length,
        items: { kind: "inline", zstd: (await compress(Buffer.from(JSON.stringify(items)))).toString("base64") },
      };
      await transformPage(context, job);
    }
    return run.runId;
  }

  const replay = (context: PipelineContext, name: string, more: object = {}, signal = new AbortController().signal) =>
    replayPages(context, { source: source.name, stream: name, ...more }, { signal, author, onProgress: () => {} });

  const cents = async (name: string) => {
    const rows = await base.store.queryView(
      `SELECT key, data, schema_version FROM records WHERE stream = '${name}' AND deleted_at IS NULL ORDER BY key`,
    );
    return rows.map(({ data }) => (typeof data === "string" ? JSON.parse(data) : data).cents);
  };

  test("rows are rewritten by today's definition, the newest observation stays, and no checkpoint moves", async () => {
    const before = withStream("a", stream(1));
    await land(
      before,
      "a",
      [
        [
          { id: "1", total: 1 },
          { id: "2", total: 2 },
        ],
        [{ id: "3", total: 3 }],
      ],
      1,
    );
    await land(before, "a", [[{ id: "1", total: 10 }]], 2);
    const checkpoint = await base.store.checkpoint(source.name, "a", livePartition);
    const after = withStream("a", stream(100));
    expect(await replay(after, "a")).toMatchObject({ pages: 3, rowsWritten: 3, deadLettered: 0 });
    expect(await cents("a")).toEqual([1_000, 200, 300]);
    expect(await replay(after, "a")).toMatchObject({ pages: 3, rowsWritten: 0 });
    expect(await base.store.checkpoint(source.name, "a", livePartition)).toEqual(checkpoint);
  });

  test("a record that the database refuses as it is made today becomes a letter, and the replay goes on", async () => {
    const kept: Order[][] = [
      [
        { id: "1", total: 1 },
        { id: "2", total: 2 },
      ],
      [{ id: "3", total: 3 }],
    ];
    await land(withStream("refusing", stream(1)), "refusing", kept, 1);
    const today = defineStream({
      path: "/",
      key: "id",
      schema: z.object({ id: z.string(), total: z.number() }),
      output: output.extend({ any: z.unknown() }),
      transform: ({ id, total }) => ({ id, cents: total * 100, any: id === "2" ? refused[target.name] : null }),
      keepRaw: "30d",
    });
    const replayed = await replay(withStream("refusing", today), "refusing");
    expect(replayed).toMatchObject({ pages: 2, rowsWritten: 2, deadLettered: 1 });
    expect(await cents("refusing")).toEqual([100, 2, 300]);
    expect(await base.store.listLetters({ stream: "refusing", limit: 9 })).toMatchObject([
      { code: "RECORD_REFUSED", key: "2", payload: '{"id":"2","total":2}', status: "open" },
    ]);
  });

  test("one run's pages bring back nothing older, and pages may be chosen by time", async () => {
    const before = withStream("b", stream(1));
    const old = await land(
      before,
      "b",
      [
        [
          { id: "1", total: 1 },
          { id: "2", total: 2 },
        ],
      ],
      1,
    );
    await land(
      before,
      "b",
      [
        [
          { id: "1", total: 10 },
          { id: "2", total: 2 },
        ],
      ],
      2,
    );
    const after = withStream("b", stream(100));
    await replay(after, "b", { runId: old });
    expect(await cents("b")).toEqual([10, 200]);
    await replay(after, "b", { since: new Date(Date.now() - 98.5 * 60_000) });
    expect(await cents("b")).toEqual([1_000, 200]);
  });

  test("what does not fit any more is a letter, and what fits now is resolved", async () => {
    const broken = withStream("c", stream(0.5));
    await land(
      broken,
      "c",
      [
        [
          { id: "1", total: 1 },
          { id: "2", total: 2 },
        ],
      ],
      1,
    );
    const letters = (status: "open" | "resolved") =>
      base.store.listLetters({ source: source.name, stream: "c", status, limit: 5 });
    expect(await letters("open")).toMatchObject([{ key: "1", code: "OUTPUT_INVALID" }]);
    expect(await replay(withStream("c", stream(100)), "c")).toMatchObject({ rowsWritten: 2 });
    expect([await letters("open"), await letters("resolved")]).toMatchObject([[], [{ key: "1" }]]);
    expect(await replay(broken, "c", {}, undefined)).toMatchObject({ deadLettered: 1 });
    expect(await letters("open")).toMatchObject([{ key: "1", attempts: 2 }]);
    expect(await cents("c")).toEqual([100, 1]);
  });

  test("an interrupted replay goes on where it stopped, and begins again when told to", async () => {
    const before = withStream("d", stream(1));
    await land(
      before,
      "d",
      [1, 2, 3].map((total) => [{ id: `${total}`, total }]),
      1,
    );
    const after = withStream("d", stream(100));
    const stopping = new AbortController();
    const request = { source: source.name, stream: "d" };
    const onProgress = ({ replay: { pages } }: { replay: { pages: number } }) =>
      pages === 2 && stopping.abort(new Error("stop"));
    await expect(replayPages(after, request, { signal: stopping.signal, author, onProgress })).rejects.toThrow("stop");
    expect(await cents("d")).toEqual([100, 200, 3]);
    const seen: number[] = [];
    const options = {
      author,
      signal: new AbortController().signal,
      onProgress: ({ remaining }: { remaining: number }) => seen.push(remaining),
    };
    expect(await replayPages(after, request, options)).toMatchObject({ pages: 3, rowsWritten: 3 });
    expect(seen).toEqual([1, 0]);
    await expect(
      replayPages(after, request, { signal: stopping.signal, author, onProgress: () => {} }),
    ).rejects.toThrow("stop");
    expect(await replayPages(after, request, { ...options, isRestart: true })).toMatchObject({
      pages: 3,
      rowsWritten: 0,
    });
  });

  test("an interrupted replay of the last hours goes on, although they are not the same hours any more", async () => {
    const pages = [1, 2, 3].map((total) => [{ id: `${total}`, total }]);
    await land(withStream("f", stream(1)), "f", pages, 1);
    const after = withStream("f", stream(100));
    const lastHours = () => ({ since: new Date(Date.now() - 2 * 3_600_000), asked: "2h" });
    const stopping = new AbortController();
    const onProgress = ({ replay: done }: { replay: { pages: number } }) =>
      done.pages === 2 && stopping.abort(new Error("stop"));
    const request = { source: source.name, stream: "f" };
    await expect(
      replayPages(after, { ...request, ...lastHours() }, { signal: stopping.signal, author, onProgress }),
    ).rejects.toThrow("stop");
    const seen: number[] = [];
    await replayPages(
      after,
      { ...request, ...lastHours() },
      { signal: new AbortController().signal, author, onProgress: ({ remaining }) => void seen.push(remaining) },
    );
    expect(seen).toEqual([1, 0]);
  });

  test("what was appended is made anew of its own page, and not of a later one that has its key", async () => {
    const appended = (factor: number): Omit<Stream, "name"> =>
      defineStream({
        path: "/",
        key: ["id", "at"],
        eventTime: "at",
        writeMode: "append",
        schema: z.object({ id: z.string(), total: z.number() }),
        output: output.extend({ at: z.iso.datetime() }),
        transform: ({ id, total }) => ({ id, at: "2026-01-01T00:00:00Z", cents: total * factor }),
        keepRaw: "30d",
      });
    await land(withStream("g", appended(1)), "g", [[{ id: "1", total: 1 }], [{ id: "1", total: 2 }]], 1);
    expect(await replay(withStream("g", appended(1)), "g")).toMatchObject({ pages: 2, rowsWritten: 0 });
    expect(await cents("g")).toEqual([1]);
    expect(await replay(withStream("g", appended(100)), "g")).toMatchObject({ pages: 2, rowsWritten: 1 });
    expect(await cents("g")).toEqual([100]);
  });

  test("pages are kept for their time, and by streams that keep them", async () => {
    const context = withStream("e", stream(1));
    const count = () => base.store.countRawPages({ source: source.name, stream: "e", after: null });
    await land(context, "e", [[{ id: "1", total: 1 }], [{ id: "2", total: 2 }]], 1);
    await pruneRawPages(context);
    expect(await count()).toBe(2);
    expect(await base.store.pruneRawPages({ source: source.name, stream: "e", keepMs: 98 * 60_000 })).toBe(2);
    const without = withStream("e", stream(1, false));
    await land(context, "e", [[{ id: "1", total: 1 }]], 2);
    await land(without, "e", [[{ id: "3", total: 1 }]], 3);
    expect(await count()).toBe(1);
    await pruneRawPages(without);
    expect(await count()).toBe(0);
  });
});
