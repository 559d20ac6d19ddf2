import { parseArgs } from "node:util";
import { contenders } from "./contenders.ts";
import { type Api, createPlace, startApi, startServers } from "./place.ts";
import type { Backend, Scenario } from "./scenarios.ts";
import { measureStages, type Stages, type Taken } from "./stages.ts";
import { spread } from "./summary.ts";

/*
 * npm run bench:stages -- [--rounds 3] [--pages 600]: where the processor time of a page goes, stage by stage, and what Penstock could make of two
 * processors if it were nothing but these stages: what they wait for each other, what a job reads of its run, spans and figures are in none.
 * Then the plain loop, for how much of it that is.
 */

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, pages: { type: "string", default: "600" } },
});
const [rounds, pages] = [Number(values.rounds), Number(values.pages)];
const processors = 2;
const records = 1_000_000;

const ways = {
  "Postgres + Redis": { queue: "redis", database: "postgresql" },
  "Postgres only": { queue: "postgres", database: "postgresql" },
  "SQLite + Redis": { queue: "redis", database: "sqlite" },
  "SQLite + embedded": { queue: "embedded", database: "sqlite" },
} as const satisfies Record<Backend, { queue: keyof Stages["queue"]; database: keyof Stages["commit"] }>;
const backends = Object.keys(ways) as Backend[];

await using stack = new AsyncDisposableStack();
const servers = await startServers(stack);
for (const pageSize of [1_000, 100]) await tell(pageSize);

async function tell(pageSize: number): Promise<void> {
  await using own = new AsyncDisposableStack();
  const scenarioOf = (backend: Backend): Scenario => ({ backend, records, recordBytes: 200, pageSize, latencyMs: 0 });
  const api = await startApi(scenarioOf("SQLite + Redis"), own);
  const all: { stages: Stages; loops: Record<keyof Stages["commit"], number> }[] = [];
  for (let round = 0; round < rounds; round++) {
    const scenario = scenarioOf("SQLite + Redis");
    const stages = await measureStages({ servers, scenario, apiUrl: `${api.url}/${records}`, pages });
    const postgresql = await loopOf(scenarioOf("Postgres only"), api);
    all.push({ stages, loops: { postgresql, sqlite: await loopOf(scenario, api) } });
  }
  const rows: [string, (stages: Stages, backend: Backend) => Taken][] = [
    ["ask, read, parse, find the next", ({ ask }) => ask],
    ["pack: JSON, hash, zstd", ({ pack }) => pack],
    ["pass through the queue: two jobs", ({ queue }, backend) => queue[ways[backend].queue]],
    ["unpack, check, transform, hash, write rows", ({ transform }, backend) => transform[ways[backend].database]],
    ["commit", ({ commit }, backend) => commit[ways[backend].database]],
  ];
  const sumOf = (stages: Stages, backend: Backend) =>
    rows.reduce((sum, [, read]) => sum + total(read(stages, backend)), 0);
  const mostOf = (stages: Stages, backend: Backend) => (processors * 1_000 * pageSize) / sumOf(stages, backend);
  const medianOf = (read: (round: (typeof all)[number]) => number) => spread(all.map(read)).median;
  const loopFor = (loops: (typeof all)[number]["loops"], backend: Backend) => loops[ways[backend].database];
  const line = (name: string, read: (backend: Backend) => string) =>
    process.stdout.write(`| ${[name, ...backends.map(read)].join(" | ")} |\n`);

  line(`a page of ${count(pageSize)}, ms`, (backend) => backend);
  line("---", () => "---");
  for (const [name, read] of rows)
    line(name, (backend) => {
      const own = medianOf(({ stages }) => read(stages, backend).own);
      const server = medianOf(({ stages }) => read(stages, backend).server);
      return server < 0.005 ? own.toFixed(2) : `${own.toFixed(2)} + ${server.toFixed(2)}`;
    });
  line("all", (backend) => medianOf(({ stages }) => sumOf(stages, backend)).toFixed(2));
  line("records/s, two processors busy", (backend) => count(medianOf(({ stages }) => mostOf(stages, backend))));
  line("the loop's", (backend) => count(medianOf(({ loops }) => loopFor(loops, backend))));
  line("of the loop", (backend) =>
    medianOf(({ stages, loops }) => mostOf(stages, backend) / loopFor(loops, backend)).toFixed(2),
  );
  process.stdout.write("\n");
}

function total({ own, server }: Taken): number {
  return own + server;
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** Records a second of the plain loop. */
async function loopOf(scenario: Scenario, api: Api): Promise<number> {
  await using own = new AsyncDisposableStack();
  const ceiling = contenders.find(({ name }) => name === "ceiling");
  if (ceiling === undefined) throw new Error("there is no loop");
  const place = await createPlace(scenario, servers, `${api.url}/${scenario.records}`, own);
  await api.forget();
  const { records: stored, endedAt } = await ceiling.run(scenario, place);
  return stored / ((endedAt - (await api.firstAskedAt())) / 1_000);
}
