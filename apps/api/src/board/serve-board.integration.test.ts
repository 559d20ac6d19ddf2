import { openQueueBackend } from "@penstock/queues/backend";
import { createQueues } from "@penstock/queues/create-queues";
import { queueTargets } from "@penstock/testing/databases";
import { describe, expect, test } from "vitest";
import { openTestApi } from "../test-api.ts";

describe.each(queueTargets())("Bull Board on $name", ({ create }) => {
  test("shows jobs with a link to what they are about, and what it changes is in the audit log", async () => {
    await using stack = new AsyncDisposableStack();
    const queue = stack.adopt(await create(), (created) => created.drop());
    const backend = stack.adopt(await openQueueBackend(queue.settings), (opened) => opened.close());
    const { server, store, key } = await openTestApi(stack, { queues: [backend.queue("transform")] });
    const { id, key: secret } = await key("operate");
    const ask = async (method: "GET" | "PUT", path: string) => {
      const headers = { authorization: `Bearer ${secret}` };
      const answer = await server.inject({ method, url: `/queues/api/queues${path}`, headers });
      return { status: answer.statusCode, body: answer.body === "" ? undefined : answer.json() };
    };
    await createQueues(backend, { sources: [] }).enqueue([
      { type: "redrive", jobId: "R_1", payload: { letterId: "letter/1", redrives: 1 } },
    ]);
    const { body } = await ask("GET", "?activeQueue=transform&status=waiting");
    const [job] = body.queues[0].jobs;
    expect(job).toMatchObject({ id: "R_1", externalUrl: { href: "/dead-letters/letter%2F1" } });

    expect((await ask("PUT", "/transform/pause")).status).toBe(200);
    expect((await ask("GET", "?activeQueue=transform")).body.queues[0]).toMatchObject({ isPaused: true });
    expect((await ask("PUT", "/transform/resume")).status).toBe(200);
    expect((await ask("PUT", "/transform/R_1/clean")).status).toBeLessThan(300);
    expect((await ask("GET", "?activeQueue=transform&status=waiting")).body.queues[0].jobs).toEqual([]);
    expect((await ask("PUT", "/nothing/pause")).status).toBe(404);
    const by = { action: "queue.change", actor: `api:${id}` };
    expect((await store.listActions({ action: "queue.change", limit: 10 })).reverse()).toMatchObject([
      { ...by, target: "transform", details: { path: "/queues/api/queues/transform/pause" } },
      { ...by, target: "transform", details: { path: "/queues/api/queues/transform/resume" } },
      { ...by, target: "transform/R_1", details: { path: "/queues/api/queues/transform/R_1/clean" } },
    ]);
  });
});
