import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createReadAhead, type ReadAhead } from "./read-ahead.ts";

const aJob = () => new AbortController().signal;
let time = 0;
let ahead: ReadAhead<string>;
function limit(concurrency: number, max = 100) {
  ahead = createReadAhead({ concurrency, rateLimit: { max, perMs: 1_000 } }, () => time);
}
beforeEach(() => {
  time = 0;
  limit(2);
});
afterEach(() => ahead.close());

/** A request that lasts until it is told to end. */
function request(answer = "page") {
  const { promise, resolve } = Promise.withResolvers<string>();
  const send = vi.fn((_signal?: AbortSignal) => promise);
  return { send, answer: () => resolve(answer) };
}

/** What is begun or waited for is under way by then, where it may be. */
const soon = () => new Promise((resolve) => setImmediate(resolve));

test("a job takes what was begun for it, once", async () => {
  const { send, answer } = request("two");
  ahead.begin("job 2", send);
  answer();
  expect(await ahead.take("job 2", aJob())).toBe("two");
  expect(ahead.take("job 2", aJob())).toBeUndefined();
  expect(ahead.take("job 3", aJob())).toBeUndefined();
  expect(send).toHaveBeenCalledTimes(1);
});

test("what is begun again for a job takes the place of what was begun before, which ends", async () => {
  const [first, second] = [request("first"), request("second")];
  ahead.begin("job", first.send);
  await soon();
  ahead.begin("job", second.send);
  expect(first.send.mock.calls[0]?.[0]?.aborted).toBe(true);
  second.answer();
  expect(await ahead.take("job", aJob())).toBe("second");
  first.answer();
});

test("what was begun before is dropped also where there is no room for another", async () => {
  limit(1);
  const [first, own] = [request("first"), request()];
  ahead.begin("job", first.send);
  first.answer();
  await soon();
  const asked = ahead.inTurn(aJob(), own.send);
  ahead.begin("job", request().send);
  expect(ahead.take("job", aJob())).toBeUndefined();
  own.answer();
  await asked;
});

test("what is dropped is ended, and nobody can take it", async () => {
  const { send, answer } = request();
  ahead.begin("job", send);
  await soon();
  ahead.drop("job");
  expect(send.mock.calls[0]?.[0]?.aborted).toBe(true);
  expect(ahead.take("job", aJob())).toBeUndefined();
  answer();
});

test("an error is told to who takes it", async () => {
  ahead.begin("job", async () => {
    throw new Error("no answer");
  });
  await soon();
  await expect(ahead.take("job", aJob())).rejects.toThrow("no answer");
});

test("so many requests are under way as may be: what is begun counts, and a job waits for it", async () => {
  limit(1);
  const [early, own] = [request(), request()];
  ahead.begin("job 2", early.send);
  const asked = ahead.inTurn(aJob(), own.send);
  await soon();
  expect([early.send.mock.calls.length, own.send.mock.calls.length]).toEqual([1, 0]);
  early.answer();
  await soon();
  expect(own.send).toHaveBeenCalledTimes(1);
  own.answer();
  await asked;
});

test("nothing is begun while a job's request takes the place, or waits for it", async () => {
  limit(1);
  const [own, waiting, early] = [request(), request(), request()];
  const asked = [ahead.inTurn(aJob(), own.send), ahead.inTurn(aJob(), waiting.send)];
  ahead.begin("job 2", early.send);
  own.answer();
  await soon();
  expect(waiting.send).toHaveBeenCalledTimes(1);
  ahead.begin("job 2", early.send);
  waiting.answer();
  await Promise.all(asked);
  expect(early.send).not.toHaveBeenCalled();
});

test("answers that wait for their jobs have their place too", async () => {
  const requests = ["1", "2", "3"].map((job) => {
    const made = request(job);
    ahead.begin(job, made.send);
    made.answer();
    return made;
  });
  await soon();
  expect(requests.map(({ send }) => send.mock.calls.length)).toEqual([1, 1, 0]);
  await ahead.take("1", aJob());
  ahead.begin("3", requests[2]?.send ?? (async () => "none"));
  expect(await ahead.take("3", aJob())).toBe("3");
});

test("nothing is begun while a request is about to begin", async () => {
  limit(1);
  const [own, early] = [request(), request()];
  const asked = ahead.inTurn(aJob(), own.send);
  ahead.begin("job 2", early.send);
  own.answer();
  await asked;
  await soon();
  expect(early.send).not.toHaveBeenCalled();
});

test("a job that is cancelled while it waits for its turn does not wait for it, and sends nothing then", async () => {
  limit(1);
  const [early, own] = [request(), request()];
  ahead.begin("job 2", early.send);
  const lost = new AbortController();
  const asked = ahead.inTurn(lost.signal, own.send);
  await soon();
  lost.abort();
  await expect(asked).rejects.toMatchObject({ code: "CANCELLED" });
  await expect(ahead.inTurn(lost.signal, own.send)).rejects.toMatchObject({ code: "CANCELLED" });
  early.answer();
  await soon();
  expect(own.send).not.toHaveBeenCalled();
});

test("no more requests are sent in the source's time than may be, whoever sends them", () => {
  limit(2, 3);
  const sent: [at: number, waitMs: number][] = [];
  for (const at of [0, 400, 600, 600, 999, 1_000, 1_000, 1_399.5, 1_400]) {
    time = at;
    sent.push([at, ahead.pace()]);
  }
  expect(sent).toEqual([
    [0, 0],
    [400, 0],
    [600, 0],
    [600, 400],
    [999, 1],
    [1_000, 0],
    [1_000, 400],
    [1_399.5, 1],
    [1_400, 0],
  ]);
});

test("ends with the signal of the job that took it, also when that was over before", async () => {
  for (const isOver of [false, true]) {
    const stopping = new AbortController();
    const { send, answer } = request();
    ahead.begin("job", send);
    await soon();
    if (isOver) stopping.abort();
    const taken = ahead.take("job", stopping.signal);
    expect(send.mock.calls[0]?.[0]?.aborted).toBe(isOver);
    stopping.abort();
    expect(send.mock.calls[0]?.[0]?.aborted).toBe(true);
    answer();
    await taken;
  }
});

test("what nobody comes for is ended after ten seconds, and its place is free", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  limit(1);
  const [lost, next] = [request(), request("next")];
  ahead.begin("lost", lost.send);
  await soon();
  lost.answer();
  await soon();
  vi.advanceTimersByTime(9_999);
  ahead.begin("next", next.send);
  expect(ahead.take("next", aJob())).toBeUndefined();
  vi.advanceTimersByTime(1);
  expect(lost.send.mock.calls[0]?.[0]?.aborted).toBe(true);
  expect(ahead.take("lost", aJob())).toBeUndefined();
  ahead.begin("next", next.send);
  next.answer();
  expect(await ahead.take("next", aJob())).toBe("next");
  vi.useRealTimers();
});

test("closing ends what is under way, waits for its end, and begins nothing more", async () => {
  const ended: string[] = [];
  ahead.begin("job", async (signal) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await delay(20);
    ended.push("job");
    throw signal.reason;
  });
  await soon();
  await ahead.close();
  expect(ended).toEqual(["job"]);
  const { send } = request();
  ahead.begin("job 2", send);
  expect(ahead.take("job 2", aJob())).toBeUndefined();
});
