import { extended, type Protocol, withCheckpoint, withPage, withRecords, withRun } from "./commit.ts";
import {
  type Answer,
  type ApiRecord,
  type Budget,
  cursorOf,
  emptyPrefix,
  fetchJob,
  type Job,
  liveRun,
  type Position,
  type Queue,
  type State,
  tokenOf,
  transformJob,
  type Work,
} from "./state.ts";

/** What can happen next. Workers are named by their place, jobs by their id. */
export type Action =
  | { do: "take"; worker: number; token: string }
  | { do: "answer"; worker: number; size: number }
  | { do: "proceed"; worker: number }
  | { do: "crash" | "lose lock"; worker: number }
  | { do: "change"; id: number }
  | { do: "lose queue" | "save queue" | "roll back queue" | "tick" | "take over" };

export type Step = { action: Action; next: State; isFault: boolean };

/** Every step possible in a state. Faults are those that a budget limits. */
export function stepsOf(state: State, protocol: Protocol): Step[] {
  return [...takes(state), ...workSteps(state, protocol), ...starts(state, protocol), ...faults(state)];
}

const free = (action: Action, next: State): Step => ({ action, next, isFault: false });

function takes(state: State): Step[] {
  const worker = state.workers.indexOf(null);
  if (worker === -1) return [];
  const waiting = new Map(state.queue.jobs.filter(({ isActive }) => !isActive).map(({ job }) => [tokenOf(job), job]));
  return [...waiting].map(([token, job]) => free({ do: "take", worker, token }, take(state, worker, job)));
}

/** A fetch job of a run that has ended completes doing nothing, and so does one whose page has a committed one behind it. */
function take(state: State, worker: number, job: Job): State {
  const queue = changeFirst(state.queue, job, false, () => ({ job, isActive: true }));
  const taken = { ...state, queue };
  if (job.kind === "transform") return withWork(taken, worker, { phase: "transform taken", job, hasLock: true });
  const isPassed = job.seq < (state.runs[job.run]?.prefix.seq ?? -1);
  if (liveRun(state) !== job.run || isPassed) return withWork(taken, worker, { phase: "done", job, hasLock: true });
  const observed = state.dbClock + 1;
  const work = { phase: "fetch taken", job, observed, takenAt: state.apiClock, hasLock: true } as const;
  return { ...withWork(taken, worker, work), dbClock: observed };
}

function workSteps(state: State, protocol: Protocol): Step[] {
  return state.workers.flatMap((work, worker) => {
    if (work === null) return [];
    if (work.phase === "fetch taken") return answers(state, worker, work, protocol);
    return [free({ do: "proceed", worker }, proceed(state, worker, work, protocol))];
  });
}

/** One record on a page, or, as often as the budget says, two. */
function answers(
  state: State,
  worker: number,
  work: Extract<Work, { phase: "fetch taken" }>,
  { order }: Protocol,
): Step[] {
  const sizes = state.budget.otherAnswers > 0 ? [1, 2] : [1];
  return sizes.map((size) => {
    const answer = answerOf(state, work.job.position, order, size);
    const next = withWork(state, worker, { ...work, phase: "fetch answered", answer });
    const action = { do: "answer", worker, size } as const;
    return size === 1 ? free(action, next) : { action, next: spend(next, "otherAnswers"), isFault: true };
  });
}

function answerOf({ api, apiClock }: State, position: Position, order: "asc" | "none", size: number): Answer {
  const place = ({ at, id }: ApiRecord) => (order === "asc" ? at : id);
  const left = api
    .filter((record) => record.at > position.since && place(record) > position.after)
    .sort((a, b) => place(a) - place(b));
  const items = left.slice(0, size);
  const last = items.at(-1);
  const next = last === undefined || left.length <= size ? null : { ...position, after: place(last) };
  return { items, next, apiDate: apiClock };
}

function proceed(state: State, worker: number, work: Work, protocol: Protocol): State {
  if (work.phase === "fetch answered") return passOn(state, worker, work, protocol);
  if (work.phase === "transform taken") return commit(state, worker, work, protocol);
  if (work.phase === "checkpoint due")
    return withDone(withCheckpoint(state, work.job, work.prefix, protocol), worker, work);
  if (work.phase === "records due") return withDone(withRecords(state, work.job, protocol), worker, work);
  return complete(state, worker, work, protocol);
}

function commit(
  state: State,
  worker: number,
  work: Extract<Work, { phase: "transform taken" }>,
  protocol: Protocol,
): State {
  const { job, hasLock } = work;
  const { rules } = protocol;
  const written = withPage(rules.oneTransaction ? withRecords(state, job, protocol) : state, job, protocol);
  const run = written.runs[job.run];
  if (run === undefined) return written;
  const prefix = extended(run, protocol);
  if (!rules.lockBeforePrefix) return withWork(written, worker, { phase: "checkpoint due", job, hasLock, prefix });
  const moved = withCheckpoint(written, job, prefix, protocol);
  return rules.oneTransaction
    ? withDone(moved, worker, work)
    : withWork(moved, worker, { phase: "records due", job, hasLock });
}

/**
 * Notes the API's clock, and enqueues the page's transform and the next fetch. Of a run that has ended meanwhile too: that a fetcher reads
 * the run again behind a long request saves work, and must not be needed.
 */
function passOn(
  state: State,
  worker: number,
  work: Extract<Work, { phase: "fetch answered" }>,
  protocol: Protocol,
): State {
  const { job, answer, observed } = work;
  const noted = job.seq === 0 ? noteStart(state, work, protocol) : state;
  const passed = withDone(noted, worker, work);
  const { run, seq, position } = job;
  const cursorOut = answer.next === null ? null : cursorOf(answer.next);
  const { items } = answer;
  const jobs: Job[] = [transformJob({ run, seq, cursorIn: cursorOf(position), cursorOut, items, observed })];
  if (answer.next !== null) jobs.push(fetchJob(run, seq + 1, answer.next));
  return { ...passed, queue: enqueue(passed.queue, jobs, protocol) };
}

function noteStart(state: State, work: Extract<Work, { phase: "fetch answered" }>, { rules }: Protocol): State {
  const run = state.runs[work.job.run];
  if (run === undefined) return state;
  const at = rules.startBeforeRequest ? work.takenAt : work.answer.apiDate;
  const apiStart = run.apiStart === null ? at : rules.earliestStart ? Math.min(run.apiStart, at) : run.apiStart;
  return withRun(state, work.job.run, { ...run, apiStart });
}

function complete(state: State, worker: number, { job, hasLock }: Work, { isDeduplicated }: Protocol): State {
  const idle = { ...state, workers: state.workers.with(worker, null) };
  if (!hasLock) return idle;
  const { jobs, known } = changeFirst(state.queue, job, true, () => undefined);
  return { ...idle, queue: { jobs, known: isDeduplicated ? [...known, job.id] : known } };
}

/** The schedule, and the watchdog, which finds a live run without a job. */
function starts(state: State, protocol: Protocol): Step[] {
  const live = liveRun(state);
  if (live === undefined)
    return state.budget.ticks === 0 ? [] : [free({ do: "tick" }, spend(startRun(state, protocol), "ticks"))];
  if (state.queue.jobs.some(({ job }) => job.run === live)) return [];
  return [free({ do: "take over" }, takeOver(state, live, protocol))];
}

function takeOver(state: State, live: number, protocol: Protocol): State {
  const run = state.runs[live];
  if (run === undefined) return state;
  if (protocol.rules.newRuns) return startRun(withRun(state, live, { ...run, status: "superseded" }), protocol);
  const [since = 0, after = 0] = (run.prefix.cursorOut ?? cursorOf(firstPosition(run.since, protocol)))
    .split(":")
    .map(Number);
  const job = fetchJob(live, run.prefix.seq + 1, { since, after });
  return { ...state, queue: enqueue(state.queue, [job], { ...protocol, isDeduplicated: false }) };
}

function startRun(state: State, protocol: Protocol): State {
  const run = {
    status: "running",
    since: state.bound,
    apiStart: null,
    prefix: emptyPrefix,
    pages: [],
    counted: 0,
  } as const;
  const job = fetchJob(state.runs.length, 0, firstPosition(state.bound, protocol));
  return { ...state, runs: [...state.runs, run], queue: enqueue(state.queue, [job], protocol) };
}

const firstPosition = (bound: number, { order }: Protocol): Position => ({
  since: bound,
  after: order === "asc" ? bound : -1,
});

function faults(state: State): Step[] {
  const { budget, queue, saved, workers } = state;
  const steps: Step[] = [];
  const fault = (action: Action, next: State) => steps.push({ action, next, isFault: true });
  const unlocked = workers.map((work) => work && { ...work, hasLock: false });
  workers.forEach((work, worker) => {
    if (work === null) return;
    const released = work.hasLock ? release(queue, work.job) : queue;
    if (budget.crashes > 0)
      fault(
        { do: "crash", worker },
        spend({ ...state, queue: released, workers: workers.with(worker, null) }, "crashes"),
      );
    if (budget.lockLosses > 0 && work.hasLock) {
      const slow = workers.with(worker, { ...work, hasLock: false });
      fault({ do: "lose lock", worker }, spend({ ...state, queue: released, workers: slow }, "lockLosses"));
    }
  });
  if (budget.queueLosses > 0 && queue.jobs.length > 0)
    fault({ do: "lose queue" }, spend({ ...state, queue: { jobs: [], known: [] }, workers: unlocked }, "queueLosses"));
  if (budget.rollbacks > 0 && saved === null && queue.jobs.length > 0)
    fault({ do: "save queue" }, { ...state, saved: allWaiting(queue) });
  if (budget.rollbacks > 0 && saved !== null)
    fault({ do: "roll back queue" }, spend({ ...state, queue: saved, workers: unlocked }, "rollbacks"));
  if (budget.changes > 0)
    for (const { id } of state.api) fault({ do: "change", id }, spend(change(state, id), "changes"));
  return steps;
}

function change(state: State, id: number): State {
  const apiClock = state.apiClock + 1;
  const api = state.api.map((record) => (record.id === id ? { id, at: apiClock, value: record.value + 1 } : record));
  return { ...state, api, apiClock };
}

const spend = (state: State, of: keyof Budget): State => ({
  ...state,
  budget: { ...state.budget, [of]: state.budget[of] - 1 },
});

const withWork = (state: State, worker: number, work: Work): State => ({
  ...state,
  workers: state.workers.with(worker, work),
});

/** Whoever has lost the lock has nothing more to do. */
const withDone = (state: State, worker: number, { job, hasLock }: Work): State =>
  hasLock
    ? withWork(state, worker, { phase: "done", job, hasLock })
    : { ...state, workers: state.workers.with(worker, null) };

function enqueue(queue: Queue, jobs: Job[], { isDeduplicated }: Protocol): Queue {
  const has = (job: Job) => queue.known.includes(job.id) || queue.jobs.some((other) => other.job.id === job.id);
  const added = isDeduplicated ? jobs.filter((job) => !has(job)) : jobs;
  return { ...queue, jobs: [...queue.jobs, ...added.map((job) => ({ job, isActive: false }))] };
}

const release = (queue: Queue, job: Job): Queue => changeFirst(queue, job, true, () => ({ job, isActive: false }));
const allWaiting = (queue: Queue): Queue => ({
  ...queue,
  jobs: queue.jobs.map(({ job }) => ({ job, isActive: false })),
});

function changeFirst(queue: Queue, job: Job, isActive: boolean, to: () => Queue["jobs"][number] | undefined): Queue {
  const index = queue.jobs.findIndex((other) => other.isActive === isActive && tokenOf(other.job) === tokenOf(job));
  if (index === -1) return queue;
  const replaced = to();
  return { ...queue, jobs: queue.jobs.toSpliced(index, 1, ...(replaced === undefined ? [] : [replaced])) };
}
