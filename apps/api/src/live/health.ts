import type { healths } from "@penstock/api-contract/streams";
import { parentKeyOf } from "@penstock/core/partition";
import type { RunStatus } from "@penstock/core/run";

export type Health = (typeof healths)[number];

type Ended = { status: RunStatus; errorCode: string | null };

export type HealthInput = {
  isPaused: boolean;
  /** Newest run. */
  lastRun: { status: RunStatus } | null;
  /** The newest run that has ended and says something of the whole stream. */
  lastEnded: Ended | null;
  sinceSuccessMs: number | null;
  objectiveMs: number | null;
  /** How long ago its next run was due; negative while it is to come, `null` where no schedule says. */
  overdueMs: number | null;
};

/** A tick takes moments; one that nobody takes for so long has nobody who does. */
const tickGraceMs = 60_000;

/**
 * One word for how a stream is, the worst that is true of it, and why. A stream that runs is well, unless the run before did not
 * succeed: then it says so until one does.
 */
export function healthOf(input: HealthInput): { health: Health; healthReason: string } {
  const { isPaused, lastRun, lastEnded, sinceSuccessMs, objectiveMs, overdueMs } = input;
  if (isPaused) return { health: "paused", healthReason: "Held back until somebody resumes it." };
  if (lastEnded !== null && isBad(lastEnded)) {
    const code = lastEnded.errorCode === null ? "" : ` (${lastEnded.errorCode})`;
    return { health: "failing", healthReason: `The last run that ended is ${lastEnded.status}${code}.` };
  }
  if (objectiveMs !== null && sinceSuccessMs !== null && sinceSuccessMs > objectiveMs)
    return { health: "late", healthReason: "No run has succeeded for longer than its objective allows." };
  if (overdueMs !== null && overdueMs > tickGraceMs)
    return { health: "late", healthReason: "Its next run is overdue: nobody starts it. Is a scheduler running?" };
  if (lastRun === null) return { health: "never-run", healthReason: "It has not run yet." };
  if (lastRun.status === "running") return { health: "running", healthReason: "A run is under way." };
  if (lastEnded === null) return { health: "ok", healthReason: "Nothing is wrong with it." };
  return { health: "ok", healthReason: "The last run succeeded." };
}

/**
 * Of runs, newest first, the one that says how their stream is. One that was replaced or cancelled says nothing; of the runs of a
 * child stream, each for another record, one that does not succeed says nothing either while others do.
 */
export function tellingRun<R extends Ended & { partition: string }>(runs: readonly R[]): R | null {
  const ended = runs.filter(({ status }) => status === "succeeded" || isBad({ status }));
  const [newest = null] = ended;
  if (newest === null || parentKeyOf(newest.partition) === undefined) return newest;
  return ended.find(({ status }) => status === "succeeded") ?? newest;
}

const isBad = ({ status }: Pick<Ended, "status">): boolean => status === "failed" || status === "incomplete";
