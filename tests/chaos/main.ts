import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";

/*
 * npm run test:chaos -- [--only crashes,kills,seeds,model,replay,fuzz,soak] [options]: the long form of what is shown in
 * docs/reliability.md, one part after the other; all of them takes hours. A part that fails does not keep those behind it.
 */

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "crashes,kills,seeds,model,replay,fuzz,soak" },
    /** Of the schedules: how many, from which on, on how many pairs of servers at once, and where to keep the results. */
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    lanes: { type: "string", default: "2" },
    results: { type: "string" },
    /** Of the kills: `3/8` for every eighth from the third on. */
    part: { type: "string", default: "1/1" },
    histories: { type: "string", default: "1000" },
    hostile: { type: "string", default: "100000" },
    records: { type: "string", default: "2000000" },
  },
});

const root = join(import.meta.dirname, "../..");
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");

const parts: Record<string, () => Promise<boolean>> = {
  crashes: () => test("chaos", "tests/chaos/crash-matrix.chaos.ts", { PENSTOCK_TEST_CHAOS: "matrix=whole" }),
  kills: () =>
    test("chaos", "tests/chaos/sigkill-matrix.chaos.ts", { PENSTOCK_TEST_CHAOS: `matrix=whole,part=${values.part}` }),
  seeds: playSeeds,
  model: () => node(["packages/pipeline/src/delivery-model/explore-main.ts"]),
  replay: () =>
    test("integration", "packages/pipeline/src/delivery-model/replay", { REPLAY_HISTORIES: values.histories }),
  fuzz: () => test("integration", "packages/pipeline/src/fuzz", { FUZZ_RECORDS: values.hostile }),
  soak: () => node(["tests/chaos/soak-main.ts", "--records", values.records]),
};

const failed: string[] = [];
for (const name of values.only.split(",")) {
  const part = parts[name];
  if (part === undefined) throw new Error(`no part ${name}: expected ${Object.keys(parts).join(", ")}`);
  process.stdout.write(`\n== ${name}\n`);
  if (!(await part())) failed.push(name);
}
process.stdout.write(failed.length === 0 ? "\nall well\n" : `\nFAILED: ${failed.join(", ")}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;

async function playSeeds(): Promise<boolean> {
  const [first, count, lanes] = [Number(values.from), Number(values.seeds), Number(values.lanes)];
  const results = values.results === undefined ? [] : ["--results", values.results];
  const played = Array.from({ length: lanes }, (_, lane) => {
    const share = ["--from", `${first + lane}`, "--seeds", `${count - lane}`, "--step", `${lanes}`];
    return node(["tests/chaos/random-main.ts", ...share, ...results]);
  });
  return (await Promise.all(played)).every((isWell) => isWell);
}

function test(project: string, file: string, env: Record<string, string>): Promise<boolean> {
  return node([vitest, "run", "--project", project, file, "--reporter=verbose"], env);
}

async function node(args: string[], env: Record<string, string> = {}): Promise<boolean> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } });
  const [code] = (await once(child, "exit")) as [number | null];
  return code === 0;
}
