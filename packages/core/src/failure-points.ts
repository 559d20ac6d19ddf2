/*
 * Places between two effects at which tests let the program fail: die, throw, stand still. Each is a call of `reach` with its
 * name from here, which does nothing unless a test asked for a failure there.
 */

/** Every point there is, and what has happened when it is reached. */
export const failurePoints = {
  "start-run.begun": "a run is to be started, nothing is written",
  "start-run.in-transaction": "the run's row is written and not committed",
  "start-run.committed": "the run is committed and has no job",
  "start-run.enqueued": "the run's first page is enqueued",
  "fetch.begun": "the run was read, the request is not sent",
  "fetch.answered": "the answer is there, nothing is made of it",
  "fetch.payload-saved": "a page too big for a job is in the database, its job is not enqueued",
  "fetch.packed": "the jobs behind the page are made and not enqueued",
  "fetch.enqueued": "transform and next fetch are enqueued, the job is not completed",
  "transform.unpacked": "the page is read from its job",
  "transform.made": "the records are made, the transaction has not begun",
  "commit.records-written": "in the page transaction: the records are written",
  "commit.page-inserted": "in the page transaction: the page's row is written",
  "commit.letters-written": "in the page transaction: letters are resolved and written",
  "commit.checkpoint-locked": "in the page transaction: the checkpoint is locked",
  "commit.run-counted": "in the page transaction: the account is added to the run's",
  "commit.checkpoint-moved": "in the page transaction: all is written, not committed",
  "transform.committed": "the page is committed, its job is not completed",
  "settle-fetch.begun": "a request is given up, nothing is written",
  "settle-fetch.committed": "letter and failed run are committed, the job is not completed",
  "settle-transform.begun": "a page is given up, nothing is written",
  "redrive.claimed": "letters are claimed for redriving, their jobs are not enqueued",
  "redrive.enqueued": "the jobs of claimed letters are enqueued",
  "redrive.run-started": "the run that covers a letter's request is started, the letter is not resolved",
  "redrive.made": "a letter's records are made, nothing is written",
  "redrive.committed": "records and the letter's end are committed, the job is not completed",
  "settle-redrive.begun": "a redrive has failed, the letter is not open again",
  "settle-redrive.committed": "the letter is open again, the job is not completed",
  "sweep.found": "failed jobs were found, nothing is done about them",
  "sweep.enqueued": "a failed job is enqueued once more and not removed",
  "sweep.retried": "a failed job is enqueued once more, the next is not looked at",
  "sweep.settled": "a failed job is accounted for and not removed",
  "watchdog.suspected": "a run without a job is to be taken over",
  "watchdog.taken-over": "a run without a job is superseded",
  "restore.begun": "the queue's state is to be restored",
  "restore.restored": "schedules and limits are restored, the jobs of letters being redriven are not",
  "tick.begun": "a stream's schedule is due",
  "tick.ended": "the run of a tick is started, the tick's job is not completed",
  "replay.begun": "a replay is written down, none of its pages is read",
  "replay.committed": "a kept page is transformed again and committed, the next is not read",
  "deletions.marked": "in a transaction: some records are looked at or marked as deleted, it is not committed",
  "deletions.stepped": "some records are looked at or marked as deleted, the next are not",
} as const;

export type FailurePoint = keyof typeof failurePoints;

/** Called at each point, every time it is come by. */
export type Reach = (point: FailurePoint) => Promise<void> | undefined;

/** What production runs. */
export const withoutFailures: Reach = () => undefined;

/**
 * `kill`: the process ends as by SIGKILL. `throw`: an error as a bug would throw it. `refuse`: one that says that trying again
 * is in vain. `hang`: goes on never. `delay`: goes on after so long.
 */
export type FailureAction = { kind: "kill" | "throw" | "refuse" | "hang" } | { kind: "delay"; delayMs: number };

/** The `nth` time, from 1, that the point is reached. */
export type PlannedFailure = { point: FailurePoint; nth: number; action: FailureAction };

const format = /^([a-z.-]+):(\d+):(?:(kill|throw|refuse|hang)|delay=(\d+))$/;

/** Reads `transform.committed:3:kill,fetch.answered:1:delay=250`; `undefined` when it is not of this form. */
export function parseFailures(text: string): PlannedFailure[] | undefined {
  const planned = text.split(",").map(parseFailure);
  return planned.every((failure) => failure !== undefined) ? planned : undefined;
}

function parseFailure(text: string): PlannedFailure | undefined {
  const [, point, nth, kind, delayMs] = format.exec(text.trim()) ?? [];
  if (point === undefined || !isFailurePoint(point)) return undefined;
  return { point, nth: Number(nth), action: actionOf(kind, delayMs) };
}

function actionOf(kind: string | undefined, delayMs: string | undefined): FailureAction {
  if (kind === "kill" || kind === "throw" || kind === "refuse" || kind === "hang") return { kind };
  return { kind: "delay", delayMs: Number(delayMs) };
}

function isFailurePoint(name: string): name is FailurePoint {
  return Object.hasOwn(failurePoints, name);
}
