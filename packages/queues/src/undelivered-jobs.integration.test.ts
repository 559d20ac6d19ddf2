import { queueTargets } from "@penstock/testing/databases";
import { startTcpProxy } from "@penstock/testing/tcp-proxy";
import { waitUntil } from "@penstock/testing/wait-until";
import { expect, test } from "vitest";
import { openQueueBackend } from "./backend.ts";
import { fetchQueue } from "./catalog.ts";
import { createQueues } from "./create-queues.ts";
import { fetchJob } from "./sample-jobs.ts";
import { startWorker } from "./worker.ts";

const queue = fetchQueue("s");

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
      options: { concurrency: 1, attempts: 1, backoff: { initialMs: 1, maxMs: 1 } },
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
