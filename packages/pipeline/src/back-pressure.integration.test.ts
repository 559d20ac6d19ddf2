import { openQueueBackend } from "@penstock/queues/backend";
import { transformQueue } from "@penstock/queues/catalog";
import { createQueues } from "@penstock/queues/create-queues";
import { transformJob } from "@penstock/queues/sample-jobs";
import { createRedisQueue } from "@penstock/testing/databases";
import { redisUrl } from "@penstock/testing/servers";
import { expect, test } from "vitest";
import { createBackPressure } from "./back-pressure.ts";

const server = redisUrl();

test.runIf(server !== undefined)("fetchers hold back above the mark, and go on below half of it", async () => {
  await using stack = new AsyncDisposableStack();
  const queue = stack.adopt(await createRedisQueue(server ?? ""), (created) => created.drop());
  const backend = stack.adopt(await openQueueBackend(queue.settings), (opened) => opened.close());
  const queues = createQueues(backend, { sources: [] });
  let now = 0;
  const isHeldBack = createBackPressure(queues, 10, () => now);
  let added = 0;
  const held = async (waiting: number) => {
    const jobs = await backend.queue(transformQueue).getJobs(["wait"]);
    await Promise.all(jobs.slice(waiting).map((job) => job.remove()));
    const missing = Array.from({ length: Math.max(0, waiting - jobs.length) }, () =>
      transformJob("s", { seq: added++ }),
    );
    if (missing.length > 0) await queues.enqueue(missing);
    expect(await queues.transformBacklog()).toBe(waiting);
    now += 1_000;
    return await isHeldBack();
  };
  const marks = [10, 11, 10, 6, 5, 10, 11];
  const answers: boolean[] = [];
  for (const waiting of marks) answers.push(await held(waiting));
  expect(answers).toEqual([false, true, true, true, false, false, true]);
});
