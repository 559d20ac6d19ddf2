import type { healths } from "@penstock/api-contract/streams";
import type { RunStatus } from "@penstock/core/run";

export type Health = (typeof healths)[number];

export type HealthInput = {
  isPaused: boolean;
  /** Newest run. */
  lastRun: { status: RunStatus; errorCode: string | null } | null;
  /** The newest run that has ended. */
  lastEnded: { status: RunStatus; errorCode: string | null } | null;
  sinceSuccessMs: number | null;
  objectiveMs: number | null;
};

/**
 * One word for how a stream is, the worst that is true of it, and why. A stream that runs is well, unless the run before did not
 * succeed: then it says so until one does.
 */
export function healthOf(input: HealthInput): { health: Health; healthReason: string } {
  const { isPaused, lastRun, lastEnded, sinceSuccessMs, objectiveMs } = input;
  if (isPaused) return { health: "paused", healthReason: "Held back until somebody resumes it." };
  if (lastRun === null) return { health: "never-run", healthReason: "It has not run yet." };
  if (lastEnded !== null && (lastEnded.status === "failed" || lastEnded.status === "incomplete")) {
    const code = lastEnded.errorCode === null ? "" : ` (${lastEnded.errorCode})`;
    return { health: "failing", healthReason: `The last run that ended is ${lastEnded.status}${code}.` };
  }
  if (objectiveMs !== null && sinceSuccessMs !== null && sinceSuccessMs > objectiveMs)
    return { health: "late", healthReason: "No run has succeeded for longer than its objective allows." };
  if (lastRun.status === "running") return { health: "running", healthReason: "A run is under way." };
  return { health: "ok", healthReason: "The last run succeeded." };
}
