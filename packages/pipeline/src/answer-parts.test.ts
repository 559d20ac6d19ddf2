import { emptyPrefix, extendPrefix } from "@penstock/core/chain";
import type { JobPayloads } from "@penstock/queues/catalog";
import type { NewJob } from "@penstock/queues/queues";
import { expect, test } from "vitest";
import { type PartedAnswer, partJobs } from "./answer-parts.ts";

const run = { runId: "r", source: "s", stream: "t", partition: "live", fence: 1 };
const asked: JobPayloads["fetch"] = { ...run, seq: 3, position: { page: 3 }, answer: { hash: "h", seq: 3, part: 0 } };

function answerOf(parts: number, next: PartedAnswer["next"]): PartedAnswer {
  return {
    parts: Array.from({ length: parts }, (_, i) => ({ hash: `c${i}`, count: 10, sizeBytes: 100 })),
    next,
    observedAt: "2026-01-31T12:00:00.000Z",
    validator: null,
  };
}

/** All jobs of an answer, with `room` for so many pages at a time. */
function allJobs(answer: PartedAnswer, room: number): NewJob[] {
  const jobs: NewJob[] = [];
  let at: JobPayloads["fetch"] | undefined = asked;
  while (at !== undefined) {
    const made = partJobs(at, answer, room);
    jobs.push(...made);
    const last = made.at(-1);
    at = last?.type === "fetch" && last.payload.answer !== undefined ? last.payload : undefined;
  }
  return jobs;
}

const linksOf = (jobs: NewJob[]) => jobs.flatMap(({ type, payload }) => (type === "transform" ? [payload] : []));

test("no more pages than there is room for, and a job that goes on behind them", () => {
  const jobs = partJobs(asked, answerOf(100, { kind: "end" }), 64);
  expect(linksOf(jobs).map(({ seq }) => seq)).toEqual(Array.from({ length: 64 }, (_, i) => 3 + i));
  expect(jobs.at(-1)).toMatchObject({ type: "fetch", payload: { seq: 67, answer: { hash: "h", seq: 3, part: 64 } } });
});

test.each([1, 7, 64, 200])("with room for %i, the parts make one chain from the request to the next", (room) => {
  const jobs = allJobs(answerOf(100, { kind: "next", position: { page: 4 } }), room);
  const pages = linksOf(jobs);
  const known = { ...emptyPrefix, seq: 2, cursorOut: '{"page":3}' };
  expect(extendPrefix(known, pages)).toEqual({ seq: 102, cursorOut: '{"page":4}', isComplete: false });
  expect(jobs.at(-1)).toMatchObject({ type: "fetch", payload: { seq: 103, position: { page: 4 } } });
  expect(jobs.at(-1)?.payload).not.toHaveProperty("answer");
  expect(new Set(jobs.map(({ jobId }) => jobId)).size).toBe(jobs.length);
});

test("the last part ends the chain where the answer did", () => {
  const pages = linksOf(allJobs(answerOf(3, { kind: "incomplete", code: "PAGE_LIMIT" }), 64));
  expect(pages.map(({ isLast, incompleteCode }) => [isLast, incompleteCode])).toEqual([
    [false, null],
    [false, null],
    [true, "PAGE_LIMIT"],
  ]);
});

test("parts of two answers to one request do not link", () => {
  const answer = answerOf(3, { kind: "end" });
  const first = linksOf(partJobs(asked, answer, 64));
  const second = linksOf(partJobs({ ...asked, answer: { hash: "other", seq: 3, part: 0 } }, answer, 64));
  const mixed = [first[0], second[1], second[2]].flatMap((page) => page ?? []);
  expect(extendPrefix({ ...emptyPrefix, seq: 2, cursorOut: '{"page":3}' }, mixed).seq).toBe(3);
});
