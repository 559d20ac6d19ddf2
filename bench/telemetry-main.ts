import { parseArgs } from "node:util";
import { startOtlpReceiver } from "@penstock/testing/otlp-receiver";
import { runPenstock } from "./contenders/penstock.ts";
import { createPlace, startApi, startServers } from "./place.ts";
import { quickScenarios, type Scenario } from "./scenarios.ts";
import type { RunningPenstock } from "./start-penstock.ts";
import { spread } from "./summary.ts";

/*
 * npm run bench:telemetry -- [--rounds 5]: what it costs to be looked at. Records a second from an API into Postgres through Redis when
 * nobody looks; when the metrics of each process are asked for every five seconds; and when a tenth of the traces is sent. And the
 * processor time of Penstock's processes, which is what there is to share on a machine that is busy, and the steadier of the two.
 */

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" } } });
const rounds = Number(values.rounds);
const scrapeEveryMs = 5_000;
const [quick] = quickScenarios;
if (quick === undefined) throw new Error("there is no scenario");

await using stack = new AsyncDisposableStack();
const servers = await startServers(stack);
const ways = ["alone", "scraped", "traced"] as const;
type Way = (typeof ways)[number];
for (const pageSize of [1_000, 100]) await compare({ ...quick, pageSize, records: pageSize * 400 });

async function compare(scenario: Scenario): Promise<void> {
  await using own = new AsyncDisposableStack();
  const api = await startApi(scenario, own);
  const speeds: Record<Way, number[]> = { alone: [], scraped: [], traced: [] };
  const seconds: Record<Way, number[]> = { alone: [], scraped: [], traced: [] };
  // The first round finds everything cold, and is not counted.
  for (let round = 0; round <= rounds; round++)
    for (let i = 0; i < ways.length; i++) {
      const way = ways[(round + i) % ways.length] ?? "alone";
      await api.forget();
      const { records, endedAt, usage } = await run(scenario, `${api.url}/${scenario.records}`, way);
      if (round === 0) continue;
      speeds[way].push(records / ((endedAt - (await api.firstAskedAt())) / 1_000));
      seconds[way].push(Object.values(usage).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0));
    }
  for (const way of ways) {
    const perSecond = Math.round(spread(speeds[way]).median).toLocaleString("en");
    const [speed, time] = [shares(speeds, way), shares(seconds, way)];
    process.stdout.write(`| pages of ${scenario.pageSize} | ${way} | ${perSecond} | ${speed} | ${time} |\n`);
  }
}

/** Of what it is alone, within each round. */
function shares(all: Record<Way, number[]>, way: Way): string {
  const { median, least, most } = spread(all[way].map((each, i) => each / (all.alone[i] ?? Number.NaN)));
  return `${median.toFixed(3)} (${least.toFixed(3)} – ${most.toFixed(3)})`;
}

async function run(scenario: Scenario, apiUrl: string, way: Way) {
  await using own = new AsyncDisposableStack();
  const place = await createPlace(scenario, servers, apiUrl, own);
  if (way === "scraped") return await runPenstock(scenario, place, { beside: scrape });
  if (way === "alone") return await runPenstock(scenario, place);
  const collector = own.use(await startOtlpReceiver());
  const more = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, PENSTOCK_TRACE_SAMPLE: "0.1" };
  const account = await runPenstock(scenario, place, { more });
  if (collector.spans.length === 0) throw new Error("no trace was sent");
  return account;
}

/** As Prometheus does, with whatever comes. */
function scrape({ metricsUrls }: RunningPenstock): Disposable {
  const timer = setInterval(() => {
    for (const url of metricsUrls)
      void fetch(url).then(
        (answer) => answer.text(),
        () => undefined,
      );
  }, scrapeEveryMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
