import { setTimeout as delay } from "node:timers/promises";
import { queueTargets } from "@penstock/testing/databases";
import { startTcpProxy } from "@penstock/testing/tcp-proxy";
import { waitUntil } from "@penstock/testing/wait-until";
import { expect, test } from "vitest";
import { openQueueBackend } from "./backend.ts";
import { fetchQueue } from "./catalog.ts";
import { createQueues } from "./create-queues.ts";
import { fetchJob } from "./sample-jobs.ts";
import { startWorker } from "./worker.ts";

for (const target of queueTargets().filter(({ name }) => name === "postgres")) {
  test("a server that ends what it accepted is asked now and then, not without end", async () => {
    await using stack = new AsyncDisposableStack();
    // BullMQ's search for stalled jobs rests five seconds when it failed, also when its worker has stopped since.
    stack.defer(() => delay(4_000));
    const { settings } = stack.adopt(await target.create(), (created) => created.drop());
    if (settings.kind !== "postgres") throw new Error("not a Postgres");
    const proxy = stack.adopt(await startTcpProxy(settings.url), (started) => started.close());
    const url = new URL(settings.url);
    url.host = `127.0.0.1:${proxy.port}`;
    const backend = stack.adopt(await openQueueBackend({ kind: "postgres", url: url.href }), (opened) =>
      opened.close(),
    );
    const done: string[] = [];
    const worker = startWorker(backend, {
      queue: fetchQueue("s"),
      handlers: { fetch: { handle: async () => void done.push("fetch"), settle: async () => undefined } },
      options: { concurrency: 1, attempts: 1, backoff: { initialMs: 1, maxMs: 1 } },
    });
    stack.defer(async () => void (await worker.stop(0)));
    const fetch = (seq: number) => createQueues(backend, { sources: ["s"] }).enqueue([fetchJob("s", { seq })]);
    await fetch(0);
    await waitUntil(() => done.length === 1, { what: "the first job" });
    proxy.cut();
    await delay(1_500);
    // Of its two connections: one waits for notifications, one asks for jobs.
    expect(proxy.refused()).toBeGreaterThan(0);
    expect(proxy.refused()).toBeLessThan(20);
    proxy.restore();
    await waitUntil(() => fetch(1).then(() => true), { what: "a queue that answers" });
    await waitUntil(() => done.length === 2, { what: "the second job" });
  });
}
