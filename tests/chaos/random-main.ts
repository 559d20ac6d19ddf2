import { appendFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { play } from "./play.ts";
import { drawSchedule } from "./schedule.ts";
import { startServers } from "./servers.ts";

/*
 * node tests/chaos/random-main.ts --from 1 --seeds 1000 [--step 1] [--results file]: plays the schedules of these seeds, every
 * `step`-th, one after the other on servers of its own. A line of JSON each, on standard output and at the end of the file.
 */

const { values } = parseArgs({
  options: {
    from: { type: "string", default: "1" },
    seeds: { type: "string", default: "1000" },
    step: { type: "string", default: "1" },
    results: { type: "string" },
  },
});
const [from, seeds, step] = [Number(values.from), Number(values.seeds), Number(values.step)];

await using stack = new AsyncDisposableStack();
const servers = await startServers(stack);
const releases = new Set<Promise<void>>();
for (let seed = from; seed < from + seeds; seed += step) await playSeed(seed);
await Promise.all(releases);

async function playSeed(seed: number): Promise<void> {
  const schedule = drawSchedule(seed);
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  const { problems, release } = await play(schedule, servers);
  const released = release().finally(() => releases.delete(released));
  releases.add(released);
  const { user, system } = process.cpuUsage(cpuBefore);
  const { database, queue, isDeduplicated } = schedule;
  const took = { ms: Math.round(performance.now() - startedAt), cpuMs: Math.round((user + system) / 1_000) };
  const isWell = problems.length === 0;
  const result = { seed, isWell, database, queue, isDeduplicated, ...took, ...(!isWell && { problems, schedule }) };
  if (!isWell) process.exitCode = 1;
  const line = `${JSON.stringify(result)}\n`;
  process.stdout.write(line);
  if (values.results !== undefined) await appendFile(values.results, line);
}
