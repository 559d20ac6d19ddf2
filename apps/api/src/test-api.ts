import { loadConfig } from "@penstock/config/config";
import { createManualQueues } from "@penstock/pipeline/manual-queues";
import { openBench } from "@penstock/pipeline/test-bench";
import type { BullQueue } from "@penstock/queues/backend";
import type { KeyScope } from "@penstock/store/access";
import { pagesFor } from "@penstock/store/page-of";
import type { Store } from "@penstock/store/store";
import type { Traces } from "@penstock/telemetry/traces";
import { createSqliteDatabase } from "@penstock/testing/databases";
import type { FastifyInstance } from "fastify";
import { createCallers } from "./access/callers.ts";
import { createKeySecret } from "./access/secrets.ts";
import { createServer } from "./create-server.ts";
import { createLiveHub, type LiveHub } from "./live/hub.ts";
import { createOverview } from "./live/overview.ts";

/** The API on a database with some of everything, for tests: asked without a network. */
export type TestApi = {
  server: FastifyInstance;
  store: Store;
  hub: LiveHub;
  /** A key of that scope. */
  key(scope: KeyScope, expiresAt?: Date): Promise<{ id: string; key: string }>;
  runId: string;
  letterId: string;
  backfillId: string;
};

const target = { name: "sqlite", create: createSqliteDatabase } as const;

type TestApiOptions = {
  mayBeOpen?: boolean;
  traces?: Traces;
  beatMs?: number;
  maxPerMinute?: number;
  /** Those that Bull Board shows. */
  queues?: readonly BullQueue[];
};

export async function openTestApi(
  stack: AsyncDisposableStack,
  { mayBeOpen = false, traces, beatMs, maxPerMinute = 1_000_000, queues = [] }: TestApiOptions = {},
): Promise<TestApi> {
  const { context } = await openBench(stack, target, createManualQueues(), {
    streams: 2,
    answer: () => ({ status: 200 }),
  });
  const pipeline = { ...context, ...(traces && { traces }) };
  const { runId, letterId, backfillId } = await fill(pipeline.store);
  const config = loadConfig({ env: { PENSTOCK_API_RATE_LIMIT: String(maxPerMinute) }, cwd: "/nowhere" });
  const overview = createOverview(pipeline);
  const hub = stack.use(
    createLiveHub(pipeline, overview, pipeline.logger, { ...(beatMs !== undefined && { beatMs }) }),
  );
  const { store } = pipeline;
  const callers = createCallers(store.access, { mayBeOpen });
  const loaded = { sources: [...pipeline.sources.values()], unconfigured: [], problems: [] };
  const api = { config, pipeline, loaded, callers, overview, hub, version: "0.0.0" };
  const server = stack.adopt(await createServer(api, { queues }), (created) => created.close());
  await server.ready();
  const key = async (scope: KeyScope, expiresAt: Date | null = null) => {
    const { id, key: made, secretHash } = createKeySecret();
    await store.access.createKey({ id, name: id, scope, secretHash, expiresAt }, { actor: "test", reason: null });
    return { id, key: made };
  };
  return { server, store, hub, key, runId, letterId, backfillId };
}

/** A run with three pages of records and a dead letter. */
async function fill(store: Store): Promise<{ runId: string; letterId: string; backfillId: string }> {
  const pageOf = pagesFor(store.dialect);
  const { run } = await store.startRun({
    ...{ source: "scripted", stream: "s0", partition: "live" },
    ...{ mode: "incremental", takeOver: "none" },
  });
  for (const seq of [0, 1, 2]) {
    const keys = Array.from({ length: 40 }, (_, i) => `k${seq}-${String(i).padStart(2, "0")}`);
    await store.commitPage(pageOf(run, { seq, keys, value: `text, "quoted" ${seq}` }));
  }
  const letter = { source: "scripted", stream: "s0", partition: "live", stage: "transform", kind: "record" } as const;
  const why = { code: "RECORD_INVALID", message: "id: expected a number", path: "id", payload: '{"id":"x"}' } as const;
  const where = { runId: run.runId, seq: 3, observedAt: new Date("2026-01-01T00:00:00Z"), traceId: null };
  await store.commitPage(
    pageOf(run, { seq: 3, keys: [], deadLettered: 1, letters: [{ ...letter, ...why, ...where, key: "x" }] }),
  );
  const [found] = await store.listLetters({ limit: 1 });
  const span = { from: new Date("2026-01-01T00:00:00Z"), to: new Date("2026-01-03T00:00:00Z"), windowMs: 86_400_000 };
  const request = { source: "scripted", stream: "s0", ...span, parallel: 2 };
  const { backfill } = await store.startBackfill(request, { actor: "test", reason: null });
  return { runId: run.runId, letterId: found?.id ?? "", backfillId: backfill.id };
}
