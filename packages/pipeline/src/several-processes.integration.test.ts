import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { openQueueBackend } from "@penstock/queues/backend";
import { createQueues } from "@penstock/queues/create-queues";
import { createTokenEndpoint } from "@penstock/source/token-endpoint";
import { openStore } from "@penstock/store/open-store";
import { databaseTargets, queueTargets } from "@penstock/testing/databases";
import { startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { waitUntil } from "@penstock/testing/wait-until";
import { expect, test } from "vitest";

/* What holds for all workers of a source, held by processes of the operating system that know nothing of each other. */

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const redis = queueTargets().find(({ name }) => name === "redis");
const [database] = databaseTargets();

/** Takes jobs of the queue, and for each asks the API with the token that all share. Ends with its input. */
const worker = `
  import { openQueueBackend } from "@penstock/queues/backend";
  import { startWorker } from "@penstock/queues/worker";
  import { defineSource, defineStream } from "@penstock/source/define-source";
  import { createPageFetcher } from "@penstock/source/fetch-page";
  import { oauth2RefreshToken } from "@penstock/source/oauth2";
  import { openStore } from "@penstock/store/open-store";
  import { z } from "zod";
  const { url, databaseUrl, migrationsRoot, queue } = JSON.parse(process.argv[1]);
  const auth = oauth2RefreshToken({ tokenUrl: url + "/token", clientId: "c", clientSecret: "s3cret-client", refreshToken: "refresh-secret-0" });
  const items = defineStream({ path: "/items", records: "items", schema: z.object({ id: z.string() }), key: "id" });
  const { source } = defineSource({ name: "shop", baseUrl: url, auth, streams: { items } }).configure({});
  const store = await openStore({ url: databaseUrl, migrationsRoot });
  const fetcher = createPageFetcher(source, { tokens: store.tokens });
  const backend = await openQueueBackend(queue);
  const handle = async () => void (await fetcher.fetch(source.streams.items, {}, { signal: new AbortController().signal }));
  const running = startWorker(backend, {
    queue: "fetch.shop",
    handlers: { fetch: { handle, settle: async () => {} } },
    options: { concurrency: 4, attempts: 1, backoff: { initialMs: 1, maxMs: 1 } },
  });
  process.stdin.resume().on("end", async () => {
    await running.stop(1_000);
    await backend.close();
    await fetcher.close();
    await store.close();
  });
`;

test.runIf(redis !== undefined)(
  "three processes keep one rate limit, and share a refresh token that works once",
  { timeout: 120_000 },
  async () => {
    await using stack = new AsyncDisposableStack();
    if (redis === undefined || database === undefined) return;
    const queue = stack.adopt(await redis.create(), (created) => created.drop());
    const { url: databaseUrl } = stack.adopt(await database.create(), (created) => created.drop());
    await (await openStore({ url: databaseUrl, migrationsRoot })).close();
    const tokens = createTokenEndpoint({ refreshToken: "refresh-secret-0" });
    const requests: number[] = [];
    const api = stack.use(
      await startLoopbackServer((request, response) => {
        if (request.url !== "/token" && tokens.isAuthorized(request)) requests.push(Date.now());
        tokens.handle(request, response);
      }),
    );
    const backend = stack.adopt(await openQueueBackend(queue.settings), (opened) => opened.close());
    const queues = createQueues(backend, { sources: ["shop"] });
    await queues.applyLimits("shop", { concurrency: 12, rateLimit: { max: 3, perMs: 1_000 } });
    const given = JSON.stringify({ url: api.url, databaseUrl, migrationsRoot, queue: queue.settings });
    for (let i = 0; i < 3; i += 1) {
      const child = spawn(process.execPath, ["--input-type=module", "--eval", worker, given], {
        cwd: import.meta.dirname,
        stdio: ["pipe", "inherit", "inherit"],
      });
      const ended = once(child, "close");
      stack.defer(async () => {
        child.stdin.end();
        await ended;
      });
    }
    const run = { runId: "r", source: "shop", stream: "items", partition: "live", fence: 1 };
    await queues.enqueue(
      Array.from({ length: 10 }, (_, seq) => ({
        type: "fetch" as const,
        jobId: `F_r_${seq}_x`,
        payload: { ...run, seq, position: {} },
      })),
    );
    await waitUntil(() => requests.length === 10, { what: "ten requests", timeoutMs: 90_000 });
    // Ten at three a second: three windows have to go by. The first may have been begun for long when its requests went out.
    expect((requests[9] ?? 0) - (requests[0] ?? 0)).toBeGreaterThan(1_900);
    expect(tokens.grants).toHaveLength(1);
  },
);
