import { afterFailure, untroubled } from "@penstock/core/source-state";
import type { JobContext } from "@penstock/queues/queues";
import { databaseTargets } from "@penstock/testing/databases";
import { afterEach, describe, expect, test } from "vitest";
import { fetchPage } from "./fetch.ts";
import { createManualQueues } from "./manual-queues.ts";
import type { ScriptedOptions } from "./scripted-source.ts";
import { startRun } from "./start-run.ts";
import { openBench } from "./test-bench.ts";
import { startQueuedRuns, tick } from "./tick.ts";
import { createWatchdog } from "./watchdog.ts";

/* What one job does about an API that wants to be left alone; fleet.integration.test.ts has many workers. */

const name = { source: "scripted", stream: "s0" };
const job: JobContext = { jobId: "j", attempt: 1, maxAttempts: 3, stalls: 0, signal: new AbortController().signal };
const open: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack.disposeAsync();
});

describe.each(databaseTargets())("on $name", (target) => {
  async function bench(options: Partial<ScriptedOptions> = {}) {
    const stack = new AsyncDisposableStack();
    open.push(stack);
    const queues = createManualQueues();
    const opened = await openBench(stack, target, queues, { streams: 1, answer: () => ({ status: 200 }), ...options });
    const fetchFirst = () => fetchPage(opened.context, queues.take("fetch"), job);
    const runOf = async (runId: string) => (await opened.context.store.readRun(runId))?.run;
    return { ...opened, queues, fetchFirst, runOf };
  }

  const httpDate = (fromNowMs: number) => new Date(Date.now() + fromNowMs).toUTCString();

  test.each([
    ["0", [100, 100]],
    ["2", [2_000, 2_000]],
    ["3600", [3_600_000, 3_600_000]],
    ["a date in a minute", [55_000, 60_000]],
    ["a date gone by", [100, 100]],
  ])("Retry-After: %s", async (header, [least = 0, most = 0]) => {
    const dates: Record<string, string> = {
      "a date in a minute": httpDate(60_000),
      "a date gone by": httpDate(-60_000),
    };
    const headers = { "retry-after": dates[header] ?? header };
    const { context, api, queues, fetchFirst } = await bench({ answer: () => ({ status: 429, headers }) });
    await startRun(context, name);
    const asked = queues.jobs[0];
    const error = await fetchFirst().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "THROTTLED" });
    const { retryAfterMs } = error as { retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThanOrEqual(least);
    expect(retryAfterMs).toBeLessThanOrEqual(most);
    if (most < 1_000) return;
    queues.jobs.push(asked as NonNullable<typeof asked>);
    const outcome = await fetchFirst();
    expect(outcome).toEqual({ throttleMs: expect.any(Number) });
    expect(api.requests).toHaveLength(1);
  });

  test("a pause longer than the source allows fails the run, and the source is left alone as long as it allows", async () => {
    const { context, fetchFirst } = await bench({
      answer: () => ({ status: 429, headers: { "retry-after": "999999999999" } }),
      source: { maxThrottle: "1h" },
    });
    await startRun(context, name);
    await expect(fetchFirst()).rejects.toMatchObject({
      code: "THROTTLED_TOO_LONG",
      message: expect.stringContaining("3600 s"),
    });
    const [state] = await context.store.sourceStates();
    const heldMs = (state?.throttledUntil?.getTime() ?? 0) - Date.now();
    expect(heldMs).toBeGreaterThan(3_500_000);
    expect(heldMs).toBeLessThanOrEqual(3_600_000);
  });

  test("a deadline ends the run as incomplete, and the next one starts from the bound", async () => {
    const { context, api, fetchFirst, runOf } = await bench({ stream: { deadline: "0s" } });
    const { run } = await startRun(context, name);
    await fetchFirst();
    expect(await runOf(run.runId)).toMatchObject({ status: "incomplete", errorCode: "RUN_DEADLINE" });
    expect(api.requests).toHaveLength(0);
    expect(await startRun(context, name)).toMatchObject({ isNew: true });
  });

  test("a run that waits for an open breaker fails at its deadline, naming it, though its job stands still", async () => {
    const { context, queues, runOf } = await bench({ stream: { deadline: "0s" } });
    const { run } = await startRun(context, name);
    const policy = { failures: 1, openMs: 60_000, maxOpenMs: 60_000 };
    await context.store.changeSourceState("scripted", (_, now) => afterFailure(untroubled, now, "j", policy));
    await createWatchdog(context).look();
    expect(queues.jobs).toHaveLength(1);
    expect(await runOf(run.runId)).toMatchObject({ status: "failed", errorCode: "BREAKER_OPEN" });
  });

  test("a paused stream asks for nothing and starts nothing, and goes on where it stopped", async () => {
    const { context, api, queues, fetchFirst } = await bench();
    await startRun(context, name);
    const [waiting] = queues.jobs;
    await context.store.setPaused("scripted", "s0", true, { actor: "test", reason: null });
    expect(await fetchFirst()).toEqual({ deferMs: expect.any(Number) });
    await tick(context, { ...name, mode: "incremental" }, "t");
    expect([queues.jobs.length, api.requests.length]).toEqual([0, 0]);
    await context.store.setPaused("scripted", "s0", false, { actor: "test", reason: null });
    queues.jobs.push(waiting as NonNullable<typeof waiting>);
    expect(await fetchFirst()).toBeUndefined();
    expect(api.requests).toHaveLength(1);
  });

  const due = { ...name, mode: "incremental" } as const;
  const liveId = async ({ context }: Awaited<ReturnType<typeof bench>>) =>
    (await context.store.checkpoint("scripted", "s0", "live"))?.liveRunId;

  test("overlap skip: a tick leaves the live run alone, and nothing follows it", async () => {
    const at = await bench();
    const { run } = await startRun(at.context, name);
    await tick(at.context, due, "t");
    expect(await liveId(at)).toBe(run.runId);
    await at.context.store.endRun(run.runId, { status: "cancelled" });
    await startQueuedRuns(at.context);
    expect(await liveId(at)).toBeNull();
  });

  test("overlap queue-one: however many ticks find a live run, one run follows it", async () => {
    const at = await bench({ stream: { overlap: "queue-one" } });
    const { run } = await startRun(at.context, name);
    for (const id of ["t1", "t2", "t3"]) await tick(at.context, due, id);
    await startQueuedRuns(at.context);
    expect(await liveId(at)).toBe(run.runId);
    await at.context.store.endRun(run.runId, { status: "cancelled" });
    await startQueuedRuns(at.context);
    const second = await liveId(at);
    expect(second).toEqual(expect.any(String));
    await at.context.store.endRun(second ?? "", { status: "cancelled" });
    await startQueuedRuns(at.context);
    expect(await liveId(at)).toBeNull();
  });

  test("overlap supersede: a tick ends the live run and starts another", async () => {
    const at = await bench({ stream: { overlap: "supersede" } });
    const { run } = await startRun(at.context, name);
    await tick(at.context, due, "t");
    expect(await at.runOf(run.runId)).toMatchObject({ status: "superseded" });
    expect(await liveId(at)).not.toBe(run.runId);
  });

  test("a tick with jitter comes again later, once, and starts no run before", async () => {
    const at = await bench();
    await tick(at.context, { ...due, delayMs: 5_000 }, "repeat:scripted.s0:1767225600000");
    expect(at.queues.jobs).toEqual([
      { type: "tick", payload: due, jobId: "later_repeat_scripted.s0_1767225600000", delayMs: 5_000 },
    ]);
    expect(await liveId(at)).toBeUndefined();
  });
});
