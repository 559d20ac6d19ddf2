import { parseArgs } from "node:util";
import { contenders } from "./contenders.ts";
import { regressions } from "./guard.ts";
import { measureRound } from "./measure.ts";
import { startApi, startServers } from "./place.ts";
import { writeReport } from "./report.ts";
import { keepResults, machine, type Results, readResults, today } from "./results.ts";
import { fullScenarios, nameOf, quickScenarios, type Scenario } from "./scenarios.ts";
import { type ScenarioSummary, summarize } from "./summary.ts";
import { columns, rowsOf } from "./table.ts";

/*
 * npm run bench -- [--quick] [--rounds 5] [--only <text of a scenario's name>] [--save | --check]: how fast Penstock is, against a
 * plain loop and what people write, in the same minutes on the same machine. `--save` keeps the figures in bench/results, those
 * of each scenario as soon as it is measured, and makes docs/performance.md of those of the long form; `--check` runs what it compares, Penstock and the ceiling, and ends with 1 where their
 * ratio is worse than what is kept there.
 */

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    only: { type: "string", default: "" },
    save: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
  },
});
const kind = values.quick ? "quick" : "full";
const rounds = Number(values.rounds ?? (values.quick ? 3 : 5));
const among = values.check ? (["Penstock", "ceiling"] as const) : contenders.map(({ name }) => name);
const all = values.quick ? quickScenarios : fullScenarios;
const chosen = all.filter((scenario) => nameOf(scenario).includes(values.only));
if (chosen.length === 0 || !Number.isInteger(rounds) || rounds < 1 || process.platform !== "linux") {
  process.stderr.write(`There is nothing to run: it takes Linux, a whole number of rounds, and one of these scenarios:
${all.map((scenario) => `  ${nameOf(scenario)}`).join("\n")}\n`);
  process.exit(2);
}

await using stack = new AsyncDisposableStack();
const servers = await startServers(stack);
process.stdout.write(`${columns.join("  |  ")}\n`);
const scenarios: Results["scenarios"] = [];
for (const scenario of chosen) {
  const summary = { ...(await run(scenario)), date: today() };
  scenarios.push(summary);
  for (const row of rowsOf(summary)) process.stdout.write(`${row.join("  |  ")}\n`);
  if (values.save) await keepResults(kind, { machine: machine(), rounds, scenarios }, all);
  if (values.save && kind === "full") await writeReport(await readResults(kind));
}
if (values.check) {
  const worse = regressions(scenarios, (await readResults(kind)).scenarios);
  process.stdout.write(
    worse.length === 0 ? "no ratio is worse than what is committed\n" : `WORSE\n  ${worse.join("\n  ")}\n`,
  );
  process.exitCode = worse.length === 0 ? 0 : 1;
}

async function run(scenario: Scenario): Promise<ScenarioSummary> {
  await using own = new AsyncDisposableStack();
  const api = await startApi(scenario, own);
  const measured = [];
  for (let round = 0; round < rounds; round++)
    measured.push(await measureRound(scenario, { round, among, servers, api }));
  return summarize(scenario, measured);
}
