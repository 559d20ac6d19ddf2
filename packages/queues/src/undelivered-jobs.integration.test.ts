import { queueTargets } from "@penstock/testing/databases";
import { startTcpProxy } from "@penstock/testing/tcp-proxy";
import { waitUntil } from "@penstock/testing/wait-until";
import { expect, test } from "vitest";
import { type BullWorker, openQueueBackend, type QueueBackend } from "./backend.ts";
import { fetchQueue } from "./catalog.ts";
import { createQueues } from "./create-queues.ts";
import { openTarget } from "./opened-queue.ts";
import { fetchJob } from "./sample-jobs.ts";
import { startWorker } from "./worker.ts";

const queue = fetchQueue("s");
const options = { concurrency: 1, attempts: 1, backoff: { initialMs: 1, maxMs: 1 } };

test.each(queueTargets())("what a worker was handed is known by its locks, on $name", async (target) => {
  await using stack = new AsyncDisposableStack();
  const opened = stack.adopt(await openTarget(target), (each) => each.close());
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const made: BullWorker[] = [];
  const createWorker: QueueBackend["createWorker"] = (...given) => {
    const worker = opened.backend.createWorker(...given);
    made.push(worker);
    return worker;
  };
  const handlers = { fetch: { handle: () => released, settle: async () => undefined } };
  const worker = startWorker({ ...opened.backend, createWorker }, { queue, handlers, options });
  stack.defer(async () => void (await worker.stop(1_000)));
  const job = fetchJob("s");
  await opened.queues().enqueue([job]);
  await waitUntil(async () => (await opened.depthOf("s"))?.active === 1, { what: "the job to be handed out" });
  const [handedTo] = made;
  const locks = await opened.backend.locksOf(queue, handedTo?.id ?? "");
  expect(locks).toMatchObject([{ jobId: job.jobId }]);
  const [lock = { jobId: "", token: "" }] = locks;
  expect(await opened.backend.locksOf(queue, "another")).toEqual([]);
  await waitUntil(() => handedTo?.holds(lock), { what: "the job to arrive" });
  expect(handedTo?.holds({ ...lock, token: "of another time" })).toBe(false);
  release();
  await waitUntil(() => !handedTo?.holds(lock), { what: "the job to end" });
});

for (const target of queueTargets().filter(({ name }) => name !== "embedded"))
  test(`a job of ${target.name} that was on its way when the connection broke comes back within seconds`, async () => {
    await using stack = new AsyncDisposableStack();
    const { settings } = stack.adopt(await target.create(), (created) => created.drop());
    if (settings.kind === "embedded") throw new Error("not a server");
    const proxy = stack.adopt(await startTcpProxy(settings.url), (started) => started.close());
    const url = new URL(settings.url);
    url.host = `127.0.0.1:${proxy.port}`;
    const open = (address: string) => openQueueBackend({ ...settings, url: address });
    const direct = stack.adopt(await open(settings.url), (backend) => backend.close());
    const disturbed = stack.adopt(await open(url.href), (backend) => backend.close());
    const done: number[] = [];
    const worker = startWorker(disturbed, {
      queue,
      handlers: { fetch: { handle: async ({ seq }) => void done.push(seq), settle: async () => undefined } },
      options,
    });
    stack.defer(async () => void (await worker.stop(0)));
    const { enqueue, depths } = createQueues(direct, { sources: ["s"] });
    const active = async () => (await depths()).find((depth) => depth.queue === queue)?.active;
    await enqueue([fetchJob("s", { seq: 0 })]);
    await waitUntil(async () => done.length === 1 && (await active()) === 0, { what: "the first job" });
    proxy.slowDown(500);
    await enqueue([fetchJob("s", { seq: 1 })]);
    await waitUntil(async () => (await active()) === 1, { what: "the second job to be handed out" });
    proxy.reset();
    proxy.slowDown(0);
    expect(done).toEqual([0]);
    await waitUntil(() => done.length > 1, { what: "the second job", timeoutMs: 10_000 });
    await waitUntil(async () => (await active()) === 0, { what: "nothing to be left" });
    expect(done).toEqual([0, 1]);
  });
