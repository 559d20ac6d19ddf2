import { setTimeout as delay } from "node:timers/promises";
import { InfrastructureError } from "@penstock/core/errors";
import type { Run } from "@penstock/core/run";
import type { Store } from "@penstock/store/store";

const pollMs = 50;
const awayMs = 1_000;

/**
 * Resolves with the run once it has ended. The database is asked every 50 ms: queue events can be lost, it cannot. While it
 * is away the workers wait for it, and so does this.
 */
export async function waitForRun(store: Store, runId: string, signal: AbortSignal): Promise<Run> {
  for (;;) {
    const run = await readIfThere(store, runId);
    if (run !== undefined && run.status !== "running") return run;
    await delay(run === undefined ? awayMs : pollMs, undefined, { signal });
  }
}

async function readIfThere(store: Store, runId: string): Promise<Run | undefined> {
  try {
    const state = await store.readRun(runId);
    if (state === undefined) throw new Error(`run ${runId} is not in the database`);
    return state.run;
  } catch (error) {
    if (error instanceof InfrastructureError) return undefined;
    throw error;
  }
}
