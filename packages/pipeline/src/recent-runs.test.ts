import type { RunState } from "@penstock/store/store";
import { beforeEach, expect, test, vi } from "vitest";
import { createRecentRuns, type RecentRuns } from "./recent-runs.ts";

const at = (ms: number): RunState => ({ now: new Date(ms) }) as RunState;
const readRun = vi.fn<(runId: string) => Promise<RunState | undefined>>();
let time = 0;
let runs: RecentRuns;
beforeEach(() => {
  time = 1_000;
  readRun.mockReset().mockImplementation(async () => at(time));
  runs = createRecentRuns(readRun, () => time);
});
const recalled = (runId: string) => runs.recall(runId)?.state.now.getTime();

test("a run is recalled for 25 ms, later by as long as it was read before", async () => {
  expect(recalled("a")).toBeUndefined();
  await runs.read("a");
  time += 24.5;
  expect(recalled("a")).toBe(1_024);
  expect(runs.recall("a")?.ageMs()).toBe(24.5);
  expect(recalled("b")).toBeUndefined();
  time += 0.5;
  expect(recalled("a")).toBeUndefined();
});

test("what is recalled is not younger for it, and what is read again is", async () => {
  await runs.read("a");
  time += 20;
  expect(recalled("a")).toBe(1_020);
  await runs.read("a");
  await runs.read("b");
  time += 20;
  expect([recalled("a"), recalled("b")]).toEqual([1_040, 1_040]);
  time += 5;
  expect([recalled("a"), recalled("b")]).toEqual([undefined, undefined]);
});

test("it is recalled for as long since it was asked for, and is as late as since the answer was there", async () => {
  readRun.mockImplementation(async () => {
    const told = at(time + 4);
    time += 10;
    return told;
  });
  await runs.read("a");
  expect([time, recalled("a")]).toEqual([1_010, 1_004]);
  time += 14;
  expect(recalled("a")).toBe(1_018);
  time += 1;
  expect(recalled("a")).toBeUndefined();
});

test("of two that are read at once the one is recalled that was asked for later", async () => {
  const slow = Promise.withResolvers<RunState>();
  readRun.mockReturnValueOnce(slow.promise);
  const early = runs.read("a");
  time += 10;
  await runs.read("a");
  time += 5;
  slow.resolve(at(1_002));
  expect((await early)?.state.now.getTime()).toBe(1_002);
  expect(recalled("a")).toBe(1_015);
});

test("a run that was read again holds up none that was not", async () => {
  await runs.read("a");
  time += 10;
  await runs.read("b");
  time += 10;
  await runs.read("a");
  time += 15;
  expect([recalled("b"), recalled("a")]).toEqual([undefined, 1_035]);
});

test("a run that is not there is not recalled", async () => {
  readRun.mockResolvedValue(undefined);
  expect(await runs.read("a")).toBeUndefined();
  expect(runs.recall("a")).toBeUndefined();
});

test("what was read, or asked for, before it is to be forgotten is not recalled", async () => {
  await runs.read("a");
  const { promise, resolve } = Promise.withResolvers<RunState>();
  readRun.mockReturnValueOnce(promise);
  const asked = runs.read("b");
  runs.forget();
  resolve(at(time));
  expect(await asked).toMatchObject({ state: at(time) });
  expect([recalled("a"), recalled("b")]).toEqual([undefined, undefined]);
  await runs.read("a");
  expect(recalled("a")).toBe(1_000);
});
