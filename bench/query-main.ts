import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { openStore } from "@penstock/store/open-store";
import { pagesFor } from "@penstock/store/page-of";
import { freePort } from "@penstock/testing/free-port";
import { waitUntil } from "@penstock/testing/wait-until";
import { Client } from "pg";
import { startLongPull } from "./long-pull.ts";
import { madePageSize, pageAt } from "./made-pages.ts";
import { createPlace, migrationsRoot, type Place, startApi, startServers } from "./place.ts";
import { pageEveryMs, type Reading, startReaders } from "./query/readers.ts";
import { quickScenarios, type Scenario } from "./scenarios.ts";
import { compareInSlices, meanOf } from "./slices.ts";
import { spread } from "./summary.ts";
import { residentBytesOf, usageOf } from "./usage.ts";

/*
 * npm run bench:query -- [--records 1000000] [--readers 200] [--slices 10]: the HTTP API on Postgres. How long a page takes at the
 * beginning and at the end of so many records; how fast all of them are exported, and in how much memory; and how much slower Penstock
 * takes records in while so many readers look on.
 */

const { values } = parseArgs({
  options: {
    records: { type: "string", default: "1000000" },
    readers: { type: "string", default: "200" },
    slices: { type: "string", default: "10" },
  },
});
const [records, readers, slices] = [Number(values.records), Number(values.readers), Number(values.slices)];
const pageSize = 100;
const asked = 1_000;
const watchedSlices = { settleMs: 2_000, sliceMs: 8_000, warmUps: 1 };
const root = join(import.meta.dirname, "..");
const [scenario] = quickScenarios;
if (scenario === undefined || !Number.isInteger(records / 1_000)) {
  process.stderr.write("--records takes a multiple of 1000\n");
  process.exit(2);
}

await using stack = new AsyncDisposableStack();
const servers = await startServers(stack);
await pages(scenario);
await watched({ ...scenario, records: 14_000_000 });

/** A stream of so many records, read as a whole. */
async function pages(on: Scenario): Promise<void> {
  await using own = new AsyncDisposableStack();
  const place = await createPlace(on, servers, "http://127.0.0.1:9", own);
  await fill(place.databaseUrl);
  const api = await serve(place, own);
  const last = await cursorBefore(api, records - pageSize);
  line(["what", "median, ms", "99th percentile, ms", "records/s", "memory of the process, MB"]);
  line(["---", "---", "---", "---", "---"]);
  const whole = "source=bench&stream=items";
  for (const [name, query] of [
    ["page 1", whole],
    [`page ${count(records / pageSize)}`, `${whole}&after=${last}`],
    ["page 1, newest first", `${whole}&order=-ts`],
  ] as const) {
    const taken = await timesOf(api, `/v1/records?limit=${pageSize}&${query}`);
    line([name, at(taken, 0.5).toFixed(1), at(taken, 0.99).toFixed(1), "", ""]);
  }
  for (const type of ["application/x-ndjson", "text/csv"]) {
    const before = await residentMb(api);
    const startedAt = performance.now();
    const answer = await ask(api, `/v1/records?${whole}`, { accept: type });
    let lines = type === "text/csv" ? -1 : 0;
    for await (const chunk of answer.body ?? []) lines += linesIn(Buffer.from(chunk));
    const speed = lines / ((performance.now() - startedAt) / 1_000);
    if (lines !== records) throw new Error(`${lines} of ${records} records were exported`);
    line([`all as ${type}`, "", "", count(speed), `${before} → ${await residentMb(api)}, most ${await peakMb(api)}`]);
  }
}

/**
 * A long run with the API beside it, in slices with and without readers. Who reads sits elsewhere, and would not take these processors: this
 * process has them when nobody else wants them, and tells of how many pages that were due it had time for.
 */
async function watched(on: Scenario): Promise<void> {
  // https://man7.org/linux/man-pages/man7/sched.7.html, SCHED_IDLE: below all that a nice value can say.
  await promisify(execFile)("chrt", ["--all-tasks", "--idle", "--pid", "0", String(process.pid)]);
  await using own = new AsyncDisposableStack();
  const api = await startApi(on, own);
  const place = await createPlace(on, servers, `${api.url}/${on.records}`, own);
  const served = await serve(place, own);
  const { count: counted } = await startLongPull(on, place, {}, own);
  const seen: Reading = { pages: 0, events: 0, pageMs: [] };
  let end: () => Promise<Reading>;
  const compared = await compareInSlices(
    [
      { name: "alone", begin: () => undefined, end: () => undefined, count: counted },
      {
        name: "watched",
        begin: () => {
          end = startReaders(served.url, served.authorization, readers);
        },
        end: async () => {
          const { pages, events, pageMs } = await end();
          seen.pageMs.push(...pageMs);
          seen.pages += pages;
          seen.events += events;
        },
        count: counted,
      },
    ],
    { slices, ...watchedSlices },
  );
  const [alone = [], beside = []] = [...compared.values()].map(({ perSecond }) => perSecond);
  const share = spread(beside.map((speed, i) => speed / (alone[i] ?? Number.NaN)));
  const pageMs = seen.pageMs.toSorted((a, b) => a - b);
  const { settleMs, sliceMs, warmUps } = watchedSlices;
  const due = readers * (slices + warmUps) * ((settleMs + sliceMs) / pageEveryMs);
  process.stdout.write(`
${count(meanOf(alone))} records/s alone, ${count(meanOf(beside))} with ${readers} readers, who had ${count(seen.pages)} of ${count(due)} pages and ${count(seen.events)} pieces of
events, a page in ${at(pageMs, 0.5).toFixed(0)} ms, at the 99th percentile in ${at(pageMs, 0.99).toFixed(0)}: ${(meanOf(beside) / meanOf(alone)).toFixed(2)} of the speed (${share.least.toFixed(2)} – ${share.most.toFixed(2)})\n`);
}

/** Records of one stream: those of one page through Penstock, the others made of them by the database. */
async function fill(url: string): Promise<void> {
  const store = await openStore({ url, migrationsRoot });
  const live = { source: "bench", stream: "items", partition: "live", mode: "incremental", takeOver: "any" } as const;
  const { run } = await store.startRun(live);
  const { batches } = pageAt(0);
  await store.commitPage(pagesFor(store.dialect)(run, { fetched: madePageSize, records: batches[store.dialect] }));
  await store.close();
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(
    `INSERT INTO records (source, stream, generation, key, ts, hash, data, observed_at, run_id, seq, schema_version, first_seen_at, updated_at, change)
     SELECT source, stream, generation, 'r' || lpad(n::text, 12, '0'), TIMESTAMPTZ '2026-01-01' + (7919::bigint * n % 1000003) * INTERVAL '1 second',
       hash, data, observed_at, run_id, seq, schema_version, first_seen_at, updated_at, n
     FROM (SELECT * FROM records LIMIT 1) AS one, generate_series($1::int + 1, $2::int) AS n`,
    [madePageSize, records],
  );
  await client.query("VACUUM ANALYZE records");
  await client.end();
}

type Served = { url: string; authorization: string; pid: number };

/** The API as `docker compose up` has it, and a key that may read. */
async function serve(place: Place, own: AsyncDisposableStack): Promise<Served> {
  const port = await freePort();
  const env = {
    ...process.env,
    ...{ DATABASE_URL: place.databaseUrl, REDIS_URL: place.redisUrl, PENSTOCK_DATA_DIR: place.folder },
    ...{
      PENSTOCK_API_PORT: String(port),
      PENSTOCK_HTTP_PORT: String(await freePort()),
      PENSTOCK_API_RATE_LIMIT: "1000000",
    },
    ...{
      PENSTOCK_LOG_LEVEL: "warn",
      PENSTOCK_SOURCES_DIR: join(import.meta.dirname, "sources"),
      API_BASE_URL: place.apiUrl,
    },
  };
  const created = await promisify(execFile)(
    join(root, "penstock"),
    ["keys", "create", "bench", "--scope", "read", "--json"],
    { env },
  );
  const { key }: { key: string } = JSON.parse(created.stdout);
  const child = spawn(process.execPath, [join(root, "apps/api/src/main.ts")], {
    env: { ...env, NODE_OPTIONS: "--max-semi-space-size=4 --max-old-space-size=256" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  own.defer(() => {
    child.kill("SIGTERM");
    return gone;
  });
  const served = { url: `http://127.0.0.1:${port}`, authorization: `Bearer ${key}`, pid: child.pid ?? 0 };
  await waitUntil(async () => (await ask(served, "/v1/records?limit=1").catch(() => undefined))?.ok, {
    what: "the API",
    timeoutMs: 60_000,
  });
  return served;
}

function ask({ url, authorization }: Served, path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}${path}`, { headers: { authorization, ...headers } });
}

/** That behind which the rest of the records is, found by reading all before. */
async function cursorBefore(api: Served, skipped: number): Promise<string> {
  let next = "";
  for (let left = skipped; left > 0; ) {
    const limit = Math.min(left, 1_000);
    const after = next === "" ? "" : `&after=${next}`;
    const answer = await ask(api, `/v1/records?source=bench&stream=items&fields=key&limit=${limit}${after}`);
    ({ next } = (await answer.json()) as { next: string });
    left -= limit;
  }
  return next;
}

/** Of so many requests one after the other, sorted, in ms. */
async function timesOf(api: Served, path: string): Promise<number[]> {
  const times: number[] = [];
  const endBy = performance.now() + 60_000;
  for (let i = 0; i < asked && performance.now() < endBy; i++) {
    const startedAt = performance.now();
    const answer = await ask(api, path);
    const { items } = (await answer.json()) as { items: unknown[] };
    if (items.length !== pageSize) throw new Error(`${path} answered ${items.length} records`);
    times.push(performance.now() - startedAt);
  }
  return times.sort((a, b) => a - b);
}

function linesIn(text: Buffer): number {
  let lines = 0;
  for (let place = text.indexOf("\n"); place !== -1; place = text.indexOf("\n", place + 1)) lines++;
  return lines;
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.floor(share * sorted.length)] ?? Number.NaN;
}

async function residentMb({ pid }: Served): Promise<number> {
  return Math.round((await residentBytesOf(pid)) / 1e6);
}

async function peakMb({ pid }: Served): Promise<number> {
  return Math.round((await usageOf(pid)).peakBytes / 1e6);
}

function line(cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(" | ")} |\n`);
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}
