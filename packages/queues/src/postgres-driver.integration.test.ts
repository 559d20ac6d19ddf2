import { setTimeout as delay } from "node:timers/promises";
import { queueTargets } from "@penstock/testing/databases";
import { waitUntil } from "@penstock/testing/wait-until";
import { Client } from "pg";
import { expect, test } from "vitest";
import { openQueueBackend } from "./backend.ts";
import { fetchQueue } from "./catalog.ts";
import { createQueues } from "./create-queues.ts";
import { fetchJob } from "./sample-jobs.ts";
import { startWorker } from "./worker.ts";

const sources = Array.from({ length: 12 }, (_, i) => `s${i}`);

for (const target of queueTargets().filter(({ name }) => name === "postgres")) {
  test("what is made while the server ends its connections works when it is back", { timeout: 60_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    // BullMQ's search for stalled jobs rests five seconds when it failed, also when its worker has stopped since.
    stack.defer(() => delay(4_000));
    const { settings } = stack.adopt(await target.create(), (created) => created.drop());
    if (settings.kind !== "postgres") throw new Error("not a Postgres");
    const backend = stack.adopt(await openQueueBackend(settings), (opened) => opened.close());
    const other = new Client({ connectionString: settings.url });
    await other.connect();
    stack.defer(() => other.end());
    let ended = 0;
    const isOver = AbortSignal.timeout(2_000);
    const ending = (async () => {
      while (!isOver.aborted) {
        const { rows } = await other.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        ended += rows.length;
      }
    })();
    const done = new Set<string>();
    for (const source of sources) {
      const handle = async () => void done.add(source);
      const worker = startWorker(backend, {
        queue: fetchQueue(source),
        handlers: { fetch: { handle, settle: async () => undefined } },
        options: { concurrency: 1, attempts: 1, backoff: { initialMs: 1, maxMs: 1 } },
      });
      stack.defer(async () => void (await worker.stop(5_000)));
      backend.queue(fetchQueue(source));
      await delay(50);
    }
    await ending;
    expect(ended).toBeGreaterThan(sources.length);
    const queues = createQueues(backend, { sources });
    const all = sources.map((source) => fetchJob(source));
    await waitUntil(() => queues.enqueue(all).then(() => true), { what: "a queue that takes jobs", timeoutMs: 20_000 });
    await waitUntil(() => done.size === sources.length, { what: "every worker to work", timeoutMs: 30_000 });
  });

  test("who only looks at a Postgres without queues is told so, and makes none", async () => {
    await using stack = new AsyncDisposableStack();
    const { settings } = stack.adopt(await target.create(), (created) => created.drop());
    const looking = { isReadOnly: true };
    const open = async () => await openQueueBackend(settings, looking);
    await expect(open()).rejects.toMatchObject({ code: "QUEUE_MISSING" });
    await expect(open()).rejects.toMatchObject({ code: "QUEUE_MISSING" });
    await (await openQueueBackend(settings)).close();
    await (await open()).close();
  });
}
