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

/**
 * Of the runs those that have a job in one of the queues, which are looked at in the order that jobs go through them. Each queue is read
 * once, however many runs there are: both grow with the number of streams.
 */
export async function runsAmong(queues: BullQueue[], runIds: ReadonlySet<string>): Promise<Set<string>> {
  const found = new Set<string>();
  for (const queue of queues) {
    if (found.size === runIds.size) break;
    const ids = (await queue.getBackend().getRanges(states, 0, -1)).flat();
    for (const id of ids) {
      const runId = runIdOf(id);
      if (runIds.has(runId)) found.add(runId);
    }
  }
  return found;
}

/** Nothing in jobs that belong to none. */
const runIdOf = (jobId: string): string => /^[A-Z]_([^_]+)_/.exec(jobId)?.[1] ?? "";
