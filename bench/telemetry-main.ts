import { parseArgs } from "node:util";
import { startOtlpReceiver } from "@penstock/testing/otlp-receiver";
import { enter } from "./enter.ts";
import { startApi, startServers } from "./place.ts";
import { quickScenarios, type Scenario } from "./scenarios.ts";
import { type Contestant, compareInSlices, meanOf, shareOf } from "./slices.ts";

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
  const base = { servers, apiUrl: api.url, stack: own };
  const alone = await enter("alone", scenario, { ...base, redis: 0 });
  const scraped = await enter("scraped", scenario, { ...base, redis: 1 });
  const contestants: Contestant[] = [
    alone,
    {
      ...scraped,
      begin: async () => {
        await scraped.begin();
        scrape(scraped.metricsUrls);
      },
    },
    await enter("traced", scenario, { ...base, redis: 2, env: traced }),
  ];
  const compared = await compareInSlices(contestants, { slices, settleMs: 100, sliceMs: 1_900, warmUps: 4 });
  if (collector.spans.length === 0) throw new Error("no trace was sent");
  const unwatched = compared.get("alone");
  for (const [name, { perSecond, cpuPerRecord }] of compared) {
    const speed = Math.round(meanOf(perSecond)).toLocaleString("en");
    const shares = [shareOf(perSecond, unwatched?.perSecond), shareOf(cpuPerRecord, unwatched?.cpuPerRecord)];
    process.stdout.write(`| ${scenario.pageSize} | ${name} | ${speed} | ${shares.join(" | ")} |\n`);
  }
}

/** As Prometheus does, with whatever comes. */
function scrape(urls: readonly string[]): void {
  for (const url of urls)
    void fetch(url).then(
      (answer) => answer.text(),
      () => undefined,
    );
}
