import type { JobType as JobState } from "bullmq";
import type { BullQueue } from "./backend.ts";

/*
 * Whether a run has jobs left is told by their ids, which name it (see core's job-id.ts): reading thousands of ids is
 * cheap where reading as many payloads is not, and Redis hands out the ids of all states at one instant.
 */

/**
 * Postgres is asked state by state, and jobs move between the questions: from waiting and delayed to active, and back.
 * Asking for the former again after the latter finds those that moved back meanwhile.
 */
const states: JobState[] = ["wait", "prioritized", "delayed", "active", "wait", "prioritized", "delayed", "failed"];

/** True if any job of the run is in one of the queues, which are looked at in the order that jobs go through them. */
export async function hasRunJobs(queues: BullQueue[], runId: string): Promise<boolean> {
  const infix = `_${runId}_`;
  for (const queue of queues) {
    const ids = (await queue.getBackend().getRanges(states, 0, -1)).flat();
    if (ids.some((id) => id.includes(infix))) return true;
  }
  return false;
}
