import { afterAll, beforeAll, expect, test } from "vitest";
import { chaosExtent } from "./extent.ts";
import { play } from "./play.ts";
import { drawSchedule } from "./schedule.ts";
import { hasServers, type Servers, startServers } from "./servers.ts";

/*
 * Random chaos: each seed draws what happens to an installation. Whatever it was, the table must be the API's in the end, each bad
 * record a letter, every account must add up, and nothing may ever be missing behind the bound.
 */

const stack = new AsyncDisposableStack();
const releases: Promise<void>[] = [];
let servers: Servers;

beforeAll(async () => {
  if (hasServers()) servers = await startServers(stack);
});

afterAll(async () => {
  await Promise.all(releases);
  await stack.disposeAsync();
});

const { from, seeds } = chaosExtent();

// Once: what a seed finds is found, whatever becomes of it the next time.
test.runIf(hasServers()).each(Array.from({ length: seeds }, (_, i) => from + i))(
  "seed %i",
  { retry: 0 },
  async (seed) => {
    const schedule = drawSchedule(seed);
    const { problems, release } = await play(schedule, servers);
    releases.push(release());
    // Told at once: thousands of seeds take hours, and what failed is not to wait for their end.
    if (problems.length > 0)
      process.stderr.write(`seed ${seed}: ${problems.join("\n  ")}\n  ${JSON.stringify(schedule)}\n`);
    expect(problems).toEqual([]);
  },
);
