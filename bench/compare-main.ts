import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Entry, enter, enterCeiling } from "./enter.ts";
import { startApi, startServers } from "./place.ts";
import { fullScenarios, nameOf, type Scenario, usesPostgres, usesRedis } from "./scenarios.ts";
import { type Contestant, type Counted, compareInSlices, meanOf, shareOf } from "./slices.ts";
import { usageOfServer } from "./usage.ts";

/*
 * npm run bench:compare -- [OTHER] [--env NAME=value] [--only "Postgres + Redis, 200 B × 1,000"] [--slices 20]: two that take records in
 * slices of two seconds, each while the other stands still, once all code is warm. What a change brings: another checkout's Penstock, which is
 * ready to run, and this one; or this one twice, the second with those variables. With neither: the plain loop and this one. How much
 * faster the second is, and what each process takes for a page.
 */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    env: { type: "string", multiple: true, default: [] },
    only: { type: "string", default: "200 B × 1,000" },
    slices: { type: "string", default: "20" },
  },
});
const [other] = positionals;
const env = Object.fromEntries(values.env.map((pair) => pair.split(/=(.*)/s, 2)));
/** What the API holds, so that neither comes to the end. */
const apiBytes = 1_200_000_000;
const scenarios = fullScenarios.filter(
  (each) => nameOf(each) === values.only || nameOf(each).endsWith(`, ${values.only}`),
);
if (scenarios.length === 0) {
  const names = fullScenarios.map((each) => `  ${nameOf(each)}`);
  process.stderr.write(`bench:compare takes of --only one of\n${names.join("\n")}\n`);
  process.exit(2);
}

await using stack = new AsyncDisposableStack();
const servers = await startServers(stack);
for (const scenario of scenarios) await compare({ ...scenario, records: apiBytes / scenario.recordBytes });

async function compare(scenario: Scenario): Promise<void> {
  await using own = new AsyncDisposableStack();
  const api = await startApi(scenario, own);
  const base = { servers, apiUrl: api.url, stack: own };
  const [former, present] = [
    await enterFormer(scenario, base),
    await enter("this", scenario, { ...base, redis: 1, env }),
  ];
  const compared = await compareInSlices(
    [former, present].map((each) => ({ ...each, count: () => countWithServers(scenario, each) })),
    { slices: Number(values.slices), settleMs: 100, sliceMs: 1_900, warmUps: 4 },
  );
  const [before, after] = [compared.get(former.name), compared.get(present.name)];
  if (before === undefined || after === undefined) throw new Error("one did not take part");
  const msOf = (perRecord: readonly number[] = []) =>
    perRecord.length === 0 ? "" : (1_000 * scenario.pageSize * meanOf(perRecord)).toFixed(2);
  const line = (...cells: string[]) => process.stdout.write(`| ${cells.join(" | ")} |\n`);
  line(nameOf(scenario), former.name, present.name, `of ${former.name}`);
  line("---", "---", "---", "---");
  const speeds = [before, after].map(({ perSecond }) => Math.round(meanOf(perSecond)).toLocaleString("en"));
  line("records/s", ...speeds, shareOf(after.perSecond, before.perSecond));
  const [sums, sum] = [before.cpuPerRecord, after.cpuPerRecord];
  line("processor time, ms a page", msOf(sums), msOf(sum), shareOf(sum, sums));
  for (const name of new Set([...before.cpuPerRecordOf.keys(), ...after.cpuPerRecordOf.keys()])) {
    const [one, other] = [before.cpuPerRecordOf.get(name), after.cpuPerRecordOf.get(name)];
    line(name, msOf(one), msOf(other), one === undefined || other === undefined ? "" : shareOf(other, one));
  }
}

async function enterFormer(scenario: Scenario, base: Omit<Entry, "redis">): Promise<Contestant> {
  if (other !== undefined) {
    const { startPenstock: start } = await import(join(resolve(other), "bench/start-penstock.ts"));
    return await enter("other", scenario, { ...base, redis: 0, start });
  }
  if (values.env.length > 0) return await enter("without", scenario, { ...base, redis: 0 });
  return await enterCeiling("loop", scenario, base);
}

async function countWithServers(scenario: Scenario, { count }: Contestant): Promise<Counted> {
  const { records, cpuSeconds } = await count();
  const all: Record<string, number> = { ...cpuSeconds };
  if (usesRedis(scenario)) all["redis"] = (await usageOfServer(servers.redis.pid?.() ?? 0)).cpuSeconds;
  if (usesPostgres(scenario)) all["postgres"] = (await usageOfServer(servers.postgres.pid?.() ?? 0)).cpuSeconds;
  return { records, cpuSeconds: all };
}
