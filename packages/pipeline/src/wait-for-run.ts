import { setTimeout as delay } from "node:timers/promises";
import type { Run } from "@penstock/core/run";
import type { Store } from "@penstock/store/store";

const pollMs = 50;

/** Resolves with the run once it has ended. The database is asked every 50 ms: queue events can be lost, it cannot. */
export async function waitForRun(store: Store, runId: string, signal: AbortSignal): Promise<Run> {
  for (;;) {
    const state = await store.readRun(runId);
    if (state === undefined) throw new Error(`run ${runId} is not in the database`);
    if (state.run.status !== "running") return state.run;
    await delay(pollMs, undefined, { signal });
  }
}
