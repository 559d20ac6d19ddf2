import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll } from "vitest";

/*
 * A setup file: fails a test file that leaves something open which would keep a process alive – sockets, servers, timers,
 * child processes, file watchers. What closes by itself within the grace period is none.
 */

const graceMs = 2_000;
let before: Map<string, number>;

beforeAll(() => {
  before = count();
  // The only timer that can run now is the runner's own, which sends results and ends within 100 ms.
  before.delete("Timeout");
});

afterAll(async () => {
  const deadline = performance.now() + graceMs;
  let open = leftOpen();
  while (open.length > 0 && performance.now() < deadline) {
    await delay(20);
    open = leftOpen();
  }
  if (open.length > 0) throw new Error(`The tests of this file left open: ${open.join(", ")}`);
});

function leftOpen(): string[] {
  const extra = [...count()].map(([type, now]) => ({ type, more: now - (before.get(type) ?? 0) }));
  return extra.filter(({ more }) => more > 0).map(({ type, more }) => `${more} × ${type}`);
}

/** Only what holds the event loop: idle connections of a pool that were unref'd are not listed. */
function count(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}
