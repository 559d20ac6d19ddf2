import { parseArgs } from "node:util";
import { startOtlpReceiver } from "@penstock/testing/otlp-receiver";
import { startLongPull } from "./long-pull.ts";
import { createPlace, startApi, startServers } from "./place.ts";
import { quickScenarios, type Scenario } from "./scenarios.ts";
import { type Contestant, compareInSlices, meanOf } from "./slices.ts";
import { spread } from "./summary.ts";

/*
 * npm run bench:telemetry -- [--slices 30]: what it costs to be looked at. Three Penstocks take records into Postgres through Redis, in
 * slices of two seconds, each while the others stand still: one at which nobody looks; one whose processes are asked for their metrics
 * in each slice, which is more often than Prometheus asks; and one that sends a tenth of its traces. In records a second, and in the
 * processor time of Penstock's processes for a record, which is what there is to share on a machine that is busy.
 */

const { values } = parseArgs({ options: { slices: { type: "string", default: "30" } } });
const slices = Number(values.slices);
const [quick] = quickScenarios;
if (quick === undefined) throw new Error("there is no scenario");

await using stack = new AsyncDisposableStack();
const servers = await startServers(stack);
process.stdout.write(
  "| pages of | | records/s | of alone | processor time, of alone |\n| --- | --- | --- | --- | --- |\n",
);
for (const [pageSize, records] of [
  [1_000, 4_000_000],
  [100, 1_000_000],
] as const)
  await compare({ ...quick, pageSize, records });

async function compare(scenario: Scenario): Promise<void> {
  await using own = new AsyncDisposableStack();
  const api = await startApi(scenario, own);
  const collector = own.use(await startOtlpReceiver());
  const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, PENSTOCK_TRACE_SAMPLE: "0.1" };
  const contestants = [
    await enter("alone", scenario, { apiUrl: api.url, redis: 0, own }),
    await enter("scraped", scenario, { apiUrl: api.url, redis: 1, own }),
    await enter("traced", scenario, { apiUrl: api.url, redis: 2, own, env: traced }),
  ];
  const compared = await compareInSlices(contestants, { slices, settleMs: 100, sliceMs: 1_900, warmUps: 4 });
  if (collector.spans.length === 0) throw new Error("no trace was sent");
  const alone = compared.get("alone");
  for (const [name, { perSecond, cpuPerRecord }] of compared) {
    const speed = Math.round(meanOf(perSecond)).toLocaleString("en");
    const shares = [share(perSecond, alone?.perSecond), share(cpuPerRecord, alone?.cpuPerRecord)];
    process.stdout.write(`| ${scenario.pageSize} | ${name} | ${speed} | ${shares.join(" | ")} |\n`);
  }
}

/** Of the means, and of the slices that belong together the middle half. */
function share(own: readonly number[], alone: readonly number[] = []): string {
  const each = own.map((value, i) => value / (alone[i] ?? Number.NaN)).toSorted((a, b) => a - b);
  const middle = spread(each.slice(Math.floor(each.length / 4), Math.ceil((each.length * 3) / 4)));
  return `${(meanOf(own) / meanOf(alone)).toFixed(3)} (${middle.least.toFixed(2)} – ${middle.most.toFixed(2)})`;
}

type Entry = { apiUrl: string; redis: number; own: AsyncDisposableStack; env?: Record<string, string> };

/** A Penstock with a database, and a database of Redis, to itself, that stands still until its slice. */
async function enter(name: string, scenario: Scenario, { apiUrl, redis, own, env = {} }: Entry): Promise<Contestant> {
  const place = await createPlace(scenario, servers, `${apiUrl}/${scenario.records}`, own);
  const redisUrl = `${servers.redis.url}/${redis}`;
  const { running, count } = await startLongPull(scenario, { ...place, redisUrl }, env, own);
  const tellAll = (signal: NodeJS.Signals) => {
    for (const child of running.processes.values()) child.kill(signal);
  };
  own.defer(() => tellAll("SIGCONT"));
  tellAll("SIGSTOP");
  return {
    name,
    count,
    begin: () => {
      tellAll("SIGCONT");
      if (name === "scraped") scrape(running.metricsUrls);
    },
    end: () => tellAll("SIGSTOP"),
  };
}

/** As Prometheus does, with whatever comes. */
function scrape(urls: readonly string[]): void {
  for (const url of urls)
    void fetch(url).then(
      (answer) => answer.text(),
      () => undefined,
    );
}
