import { join } from "node:path";
import { contentHash } from "@penstock/core/hash";
import type { JsonValue } from "@penstock/core/json";
import { releaseRows } from "@penstock/core/record";
import { itemsBytes } from "@penstock/pipeline/page-items";
import { compress } from "@penstock/pipeline/page-payload";
import { createPageTransformer, type TransformedPage } from "@penstock/pipeline/page-transformer";
import { openQueueBackend, type QueueSettings } from "@penstock/queues/backend";
import { fetchQueue, transformQueue } from "@penstock/queues/catalog";
import { createQueues } from "@penstock/queues/create-queues";
import { fetchJob, transformJob } from "@penstock/queues/sample-jobs";
import { startWorker } from "@penstock/queues/worker";
import { createPageFetcher } from "@penstock/source/fetch-page";
import { loadSources } from "@penstock/source/load-sources";
import type { Source, Stream } from "@penstock/source/model";
import { openStore } from "@penstock/store/open-store";
import { pagesFor } from "@penstock/store/page-of";
import type { TestServer } from "@penstock/testing/server-kinds";
import { createPlace, migrationsRoot, type Servers } from "./place.ts";
import type { Scenario } from "./scenarios.ts";
import { usageOf, usageOfServer } from "./usage.ts";

/** Processor time in ms a page: of this process, and of the server that the stage talks to. */
export type Taken = { own: number; server: number };

export type StageOptions = { servers: Servers; scenario: Scenario; apiUrl: string; pages: number };

/** Those that differ between queues and between databases by the name of each. */
export type Stages = {
  ask: Taken;
  pack: Taken;
  queue: Record<"redis" | "postgres" | "embedded", Taken>;
  transform: Record<"postgresql" | "sqlite", Taken>;
  commit: Record<"postgresql" | "sqlite", Taken>;
};

type Packed = { zstd: Buffer; contentHash: string };

/** Before each stage's time is taken, so that its code is warm. */
const warmUps = 100;
/** Pages that are packed over and over: parsed they are large, and garbage collection would take longer for all of them. */
const samplePages = 20;
const place = { source: "external_api", stream: "data" };

/** Each stage of a page's way by itself, over and over, with the code that a worker runs for it. */
export async function measureStages(options: StageOptions): Promise<Stages> {
  const { pages, scenario } = options;
  const { sources } = await loadSources(join(import.meta.dirname, "sources"), {
    API_BASE_URL: options.apiUrl,
    BATCH_SIZE: String(scenario.pageSize),
  });
  const source = sources.find(({ name }) => name === place.source);
  const stream = source?.streams[place.stream];
  if (source === undefined || stream === undefined) throw new Error(`there is no ${place.source}.${place.stream}`);

  const samples: JsonValue[][] = [];
  const packed: Packed[] = [];
  for await (const items of pagesOf(source, stream, pages)) {
    if (samples.length < samplePages) samples.push(items);
    packed.push(await pack(items));
  }
  const reader = pagesOf(source, stream, warmUps + pages);
  const ask = await taken(pages, async () => void (await reader.next()));
  await reader.return(undefined);

  const transformer = createPageTransformer(new Map([[source.name, source]]));
  const origin = { ...place, partition: "live", runId: "run", seq: 0, observedAt: new Date(), traceId: null };
  const transform = ({ zstd }: Packed, format: "postgresql" | "sqlite") =>
    transformer.transform({ ...origin, zstd, format });
  const ofFormat = async (format: "postgresql" | "sqlite") => {
    const time = await taken(pages, async (n) => releaseRows((await transform(at(packed, n), format)).records));
    const made: TransformedPage[] = [];
    for (const page of packed) made.push(await transform(page, format));
    return { transform: time, commit: await commit(options, format, made, packed) };
  };
  const [postgresql, sqlite] = [await ofFormat("postgresql"), await ofFormat("sqlite")];
  return {
    ask,
    pack: await taken(pages, async (n) => void (await pack(at(samples, n)))),
    queue: await passQueues(options, packed),
    transform: { postgresql: postgresql.transform, sqlite: sqlite.transform },
    commit: { postgresql: postgresql.commit, sqlite: sqlite.commit },
  };
}

async function pack(items: JsonValue[]): Promise<Packed> {
  const bytes = itemsBytes({ ...place, seq: 0 }, items);
  return { zstd: await compress(bytes), contentHash: contentHash(bytes) };
}

async function* pagesOf(source: Source, stream: Stream, count: number): AsyncGenerator<JsonValue[]> {
  const fetcher = createPageFetcher(source);
  const { signal } = new AbortController();
  try {
    let position = stream.paginator.start(null);
    for (let n = 0; n < count; n++) {
      const page = await fetcher.fetch(stream, position, { signal });
      if (page.next.kind !== "next") throw new Error("the API has too few records");
      position = page.next.position;
      yield page.items;
    }
  } finally {
    await fetcher.close();
  }
}

/** Of a stage that talks to no server, one page after the other. */
async function taken(pages: number, work: (page: number) => Promise<void>): Promise<Taken> {
  for (let n = 0; n < warmUps; n++) await work(n);
  return await during(pages, undefined, async () => {
    for (let n = 0; n < pages; n++) await work(n);
  });
}

async function during(pages: number, server: TestServer | undefined, work: () => Promise<unknown>): Promise<Taken> {
  const before = await read(server);
  await work();
  const after = await read(server);
  return { own: (after.own - before.own) / pages, server: (after.server - before.server) / pages };
}

async function read(server: TestServer | undefined): Promise<Taken> {
  const ofServer = server === undefined ? 0 : (await usageOfServer(server.pid?.() ?? 0)).cpuSeconds;
  return { own: 1_000 * (await usageOf("self")).cpuSeconds, server: 1_000 * ofServer };
}

async function passQueues({ servers, scenario, pages }: StageOptions, packed: Packed[]): Promise<Stages["queue"]> {
  await using own = new AsyncDisposableStack();
  const { redisUrl, queueUrl, folder } = await createPlace(scenario, servers, "", own);
  return {
    redis: await passQueue({ kind: "redis", url: redisUrl }, { packed, pages, server: servers.redis }),
    postgres: await passQueue({ kind: "postgres", url: queueUrl }, { packed, pages, server: servers.postgres }),
    embedded: await passQueue({ kind: "embedded", dataDir: folder }, { packed, pages }),
  };
}

/** As fetcher and transformer have their jobs: each fetch job brings a page for the other worker, and the next fetch job. */
async function passQueue(
  settings: QueueSettings,
  { packed, pages, server }: { packed: Packed[]; pages: number; server?: TestServer },
): Promise<Taken> {
  await using own = new AsyncDisposableStack();
  const backend = own.adopt(await openQueueBackend(settings), (opened) => opened.close());
  const queues = createQueues(backend, { sources: [place.source], timeoutMs: 60_000 });
  await queues.applyLimits(place.source, { rateLimit: { max: 1_000_000, perMs: 1_000 }, concurrency: 2 });
  const texts = packed.map(({ zstd }) => zstd.toString("base64"));
  let until = warmUps;
  let through = 0;
  let allThrough = Promise.withResolvers<void>();
  const options = { concurrency: 4, attempts: 1, backoff: { initialMs: 1_000, maxMs: 1_000 } };
  const settle = async (_: unknown, error: unknown) => Promise.reject(error);
  const fetcher = startWorker(backend, {
    queue: fetchQueue(place.source),
    handlers: {
      fetch: {
        handle: async ({ seq }) => {
          const page = transformJob(place.source, { seq, zstd: at(texts, seq) });
          await queues.enqueue(seq + 1 < until ? [page, fetchJob(place.source, { seq: seq + 1 })] : [page]);
        },
        settle,
      },
    },
    options,
  });
  const transformer = startWorker(backend, {
    queue: transformQueue,
    handlers: {
      transform: {
        handle: async () => {
          if (++through === until) allThrough.resolve();
        },
        settle,
      },
    },
    options,
  });
  const pass = async () => {
    await queues.enqueue([fetchJob(place.source, { seq: through })]);
    await allThrough.promise;
  };
  await pass();
  until += pages;
  allThrough = Promise.withResolvers<void>();
  const time = await during(pages, server, pass);
  await Promise.all([fetcher.stop(10_000), transformer.stop(10_000)]);
  return time;
}

/** As many at once as a transformer works on, into an empty database. */
async function commit(
  { servers, scenario }: StageOptions,
  format: "postgresql" | "sqlite",
  made: TransformedPage[],
  packed: Packed[],
): Promise<Taken> {
  await using own = new AsyncDisposableStack();
  const backend = format === "sqlite" ? "SQLite + Redis" : "Postgres + Redis";
  const { databaseUrl } = await createPlace({ ...scenario, backend }, servers, "", own);
  const store = own.adopt(await openStore({ url: databaseUrl, migrationsRoot }), (opened) => opened.close());
  const pageOf = pagesFor(format);
  const { run } = await store.startRun({ ...place, partition: "live", mode: "incremental", takeOver: "any" });
  const left = made.entries();
  const atOnce = format === "sqlite" ? 4 : 8;
  const workOff = async (most: number) => {
    for (const [seq, { records, filtered, duplicate }] of left.take(most)) {
      const { contentHash } = at(packed, seq);
      const figures = { seq, fetched: scenario.pageSize, filtered, duplicate, contentHash };
      await store.commitPage(pageOf(run, { ...figures, records }));
    }
  };
  const allWorkOff = (most: number) => Promise.all(Array.from({ length: atOnce }, () => workOff(most)));
  const first = Math.ceil(warmUps / atOnce);
  await allWorkOff(first);
  const server = format === "sqlite" ? undefined : servers.postgres;
  return await during(made.length - atOnce * first, server, () => allWorkOff(made.length));
}

/** Over and over. */
function at<T>(all: readonly T[], n: number): T {
  const one = all[n % all.length];
  if (one === undefined) throw new Error("there is none");
  return one;
}
