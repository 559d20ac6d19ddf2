import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";

/*
 * npm run test:chaos -- [--seeds 1000] [--from 1]: the long form of the chaos tests. Without --seeds, the whole crash matrix too.
 */

const { values } = parseArgs({ options: { seeds: { type: "string" }, from: { type: "string" } } });
const extent = [
  `seeds=${values.seeds ?? 1_000}`,
  `from=${values.from ?? 1}`,
  `matrix=${values.seeds === undefined ? "whole" : "none"}`,
];
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const child = spawn(process.execPath, [vitest, "run", "--project", "chaos"], {
  cwd: join(import.meta.dirname, "../.."),
  stdio: "inherit",
  env: { ...process.env, PENSTOCK_TEST_CHAOS: extent.join(",") },
});
const [code] = (await once(child, "exit")) as [number | null];
process.exitCode = code ?? 1;
