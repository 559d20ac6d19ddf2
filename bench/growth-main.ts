import { parseArgs } from "node:util";
import { type GrowthOptions, mediansOf, type Point } from "./growth/measure.ts";
import { growthTable, writeGrowth } from "./growth/report.ts";
import { keepGrowth, readGrowth } from "./growth/results.ts";
import { growingNames, ways } from "./growth/ways.ts";
import { startServers } from "./place.ts";

/*
 * npm run bench:growth -- [table] [streams] [depth] [workers] [--records 2000000] [--seconds 15] [--rounds 1] [--most <size>] [--save]:
 * what a record, a page, a job costs as the table, the streams, the queue and the fetchers grow; all four where none is named. `--most`
 * leaves out larger sizes. `--save` keeps the figures of each in bench/results/growth.json as soon as it is measured, and makes charts and a
 * part of docs/performance.md of them.
 */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    records: { type: "string", default: "2000000" },
    seconds: { type: "string", default: "15" },
    rounds: { type: "string", default: "1" },
    most: { type: "string", default: "100000" },
    save: { type: "boolean", default: false },
  },
});
const options: GrowthOptions = {
  records: Number(values.records),
  seconds: Number(values.seconds),
  most: Number(values.most),
};
const rounds = Number(values.rounds);
const chosen = growingNames.filter((name) => positionals.length === 0 || positionals.includes(name));
const isUnknown = positionals.some((each) => !chosen.some((name) => name === each));
const numbers = [...Object.values(options), rounds];
if (isUnknown || numbers.some((each) => !Number.isInteger(each) || each < 1) || process.platform !== "linux") {
  process.stderr.write(`It takes Linux, whole numbers from 1, and of these names some: ${growingNames.join(", ")}\n`);
  process.exit(2);
}

await using stack = new AsyncDisposableStack();
const servers = await startServers(stack);
for (const name of chosen) {
  const measured: Point[][] = [];
  for (let round = 0; round < rounds; round++) measured.push(await ways[name].measure(options, servers));
  const points = mediansOf(measured);
  process.stdout.write(`\n${ways[name].heading}\n\n${growthTable(ways[name], points)}\n`);
  if (!values.save) continue;
  await keepGrowth(name, rounds, points);
  await writeGrowth(await readGrowth());
}
