/*
 * How a source is to be treated by all workers at once. The state is one row in the database: every request is preceded
 * by reading it, and every change is a step of the functions below on what the row holds at that moment.
 *
 * `throttledUntil` is when the API wants to hear from us again: nobody asks before. It only ever moves forward. An API that
 * asks for another pause as soon as one is over gets pauses that grow, whatever it asks for: "come back at once" is no
 * invitation to do so for ever.
 *
 * The circuit breaker keeps workers from knocking at an API that is down:
 *
 *     closed     Requests go out. Each transient failure, whichever worker met it, raises `failures`; each answer, be
 *                it a refusal, puts it back to 0. At the limit the breaker opens.
 *     open       No request goes out until `breakerUntil`: `openMs` at first, twice as long each time the probe
 *                fails, at most `maxOpenMs`. Then the first job to come takes the probe.
 *     half-open  One request, that of the job `probe`, is out; the others wait. An answer closes the breaker, a failure
 *                opens it again. Without either until `breakerUntil`, its worker is taken for dead and the probe for free.
 *
 * Requests that were out already when the breaker opened end in any state: their failures change nothing then, while an
 * answer closes the breaker, since it shows that the API is there.
 */

export const breakerStates = ["closed", "open", "half-open"] as const;
export type BreakerState = (typeof breakerStates)[number];

export type SourceState = {
  throttledUntil: Date | null;
  /** Pauses asked for in a row. */
  throttles: number;
  breaker: BreakerState;
  /** Failures in a row. */
  failures: number;
  /** Times the breaker opened since it was last closed. */
  openings: number;
  /** Open: until when. Half-open: when the probe is taken for lost. */
  breakerUntil: Date | null;
  /** Id of the job that has the probe. */
  probe: string | null;
};

/** When the breaker opens (`failures` in a row) and for how long. */
export type BreakerPolicy = { failures: number; openMs: number; maxOpenMs: number };

export const untroubled: SourceState = {
  throttledUntil: null,
  throttles: 0,
  breaker: "closed",
  failures: 0,
  openings: 0,
  breakerUntil: null,
  probe: null,
};

export type Admission = { kind: "go" } | { kind: "probe" } | { kind: "wait"; waitMs: number };

/** While a probe is out, how soon to look for its outcome. */
const probeLookMs = 500;

/** Whether a request may go out now: `probe` when only as the one that finds out whether the API is back. */
export function admission(state: SourceState, now: Date): Admission {
  const throttledMs = remainingMs(state.throttledUntil, now);
  if (throttledMs > 0) return { kind: "wait", waitMs: throttledMs };
  if (state.breaker === "closed") return { kind: "go" };
  const breakerMs = remainingMs(state.breakerUntil, now);
  if (breakerMs === 0) return { kind: "probe" };
  return { kind: "wait", waitMs: state.breaker === "open" ? breakerMs : Math.min(breakerMs, probeLookMs) };
}

/** The state with the probe given to a job, or as it is when somebody else was faster. */
export function withProbe(state: SourceState, now: Date, probe: { jobId: string; maxMs: number }): SourceState {
  if (admission(state, now).kind !== "probe") return state;
  return { ...state, breaker: "half-open", probe: probe.jobId, breakerUntil: later(now, probe.maxMs) };
}

/** After an answer of the API, whatever it says: it is there. */
export function afterAnswer(state: SourceState): SourceState {
  return isUntroubled(state) ? state : { ...untroubled, throttledUntil: state.throttledUntil };
}

/** Whether an answer changes nothing. */
export function isUntroubled({ breaker, failures, throttles }: SourceState): boolean {
  return breaker === "closed" && failures === 0 && throttles === 0;
}

/** After a transient failure of a job's request. */
export function afterFailure(state: SourceState, now: Date, jobId: string, policy: BreakerPolicy): SourceState {
  const isProbe = state.breaker === "half-open" && state.probe === jobId;
  if (state.breaker !== "closed" && !isProbe) return state;
  const failures = state.failures + 1;
  if (!isProbe && failures < policy.failures) return { ...state, failures };
  const openMs = Math.min(policy.maxOpenMs, policy.openMs * 2 ** state.openings);
  const openings = state.openings + 1;
  return { ...state, breaker: "open", failures, openings, breakerUntil: later(now, openMs), probe: null };
}

const firstThrottleMs = 100;
const longestGrownThrottleMs = 60_000;

/**
 * After the API asked for a pause of `askedMs`. Many requests that are refused together are one pause. It neither counts as
 * a failure nor ends a row of them; a probe is sent again after it.
 */
export function afterThrottle(state: SourceState, now: Date, askedMs: number): SourceState {
  const throttles = remainingMs(state.throttledUntil, now) > 0 ? state.throttles : state.throttles + 1;
  const grownMs = Math.min(longestGrownThrottleMs, firstThrottleMs * 2 ** (throttles - 1));
  const throttledUntil = latest(state.throttledUntil, later(now, Math.max(askedMs, grownMs)));
  if (state.breaker !== "half-open") return { ...state, throttledUntil, throttles };
  return { ...state, throttledUntil, throttles, breaker: "open", breakerUntil: throttledUntil, probe: null };
}

/**
 * After an answer that says that no further request is allowed before `askedMs` have gone by. Nothing was refused, so
 * nothing grows.
 */
export function afterLastAllowed(state: SourceState, now: Date, askedMs: number): SourceState {
  return { ...state, throttledUntil: latest(state.throttledUntil, later(now, askedMs)) };
}

function remainingMs(until: Date | null, now: Date): number {
  return until === null ? 0 : Math.max(0, until.getTime() - now.getTime());
}

function latest(known: Date | null, wanted: Date): Date {
  return known !== null && known > wanted ? known : wanted;
}

function later(now: Date, ms: number): Date {
  return new Date(now.getTime() + ms);
}
