import {
  CancelledError,
  InfrastructureError,
  PermanentError,
  ThrottledError,
  TransientError,
} from "@penstock/core/errors";
import {
  admission,
  afterAnswer,
  afterFailure,
  afterLastAllowed,
  afterThrottle,
  isUntroubled,
  type SourceState,
  withProbe,
} from "@penstock/core/source-state";
import type { FetchedPage } from "@penstock/source/fetch-page";
import type { Source } from "@penstock/source/model";
import { waitMsOf } from "@penstock/source/rate-limit";
import type { RunState } from "@penstock/store/store";
import type { FetchContext } from "./context.ts";

/*
 * How all workers together treat a source; core's source-state.ts tells the rules. What they know is in the database and
 * was read with the run, so that a queue that forgot everything changes nothing about it. The queue standing still
 * only saves asking.
 */

/** Twice what a request may take: its worker is dead then, or as good as. */
const probeTimeouts = 2;

/** Whether nothing that is known of the source speaks against a request. */
export const isAdmitted = ({ source, now }: RunState): boolean => admission(source, now).kind === "go";

/** Whether a job may send its request now; if not, what becomes of the job. */
export async function admit(
  context: FetchContext,
  source: Source,
  state: RunState,
  jobId: string,
): Promise<{ throttleMs: number } | undefined> {
  const first = admission(state.source, state.now);
  if (first.kind === "go") return undefined;
  if (first.kind === "wait") return { throttleMs: first.waitMs };
  const probe = { jobId, maxMs: source.timeouts.totalMs * probeTimeouts };
  const { after, now } = await change(context, source, (known, at) => withProbe(known, at, probe));
  if (after.probe === jobId) return undefined;
  const second = admission(after, now);
  return second.kind === "wait" ? { throttleMs: second.waitMs } : undefined;
}

/** Notes that the API answered. `known` is the source's state, read after the answer. */
export async function noteAnswer(
  context: FetchContext,
  source: Source,
  known: SourceState,
  page: Pick<FetchedPage, "rateLimit">,
): Promise<void> {
  const waitMs = waitMsOf(page.rateLimit);
  if (waitMs === undefined && isUntroubled(known)) return;
  const limitMs = Math.min(waitMs ?? 0, source.maxThrottleMs);
  await change(context, source, (state, now) => {
    const answered = afterAnswer(state);
    return limitMs === 0 ? answered : afterLastAllowed(answered, now, limitMs);
  });
}

/**
 * Notes what a failed request says about the API, and returns the error to go on with: another one when the API asked for
 * a longer pause than the source allows.
 */
export async function noteFailure(
  context: FetchContext,
  source: Source,
  error: unknown,
  jobId: string,
): Promise<unknown> {
  if (error instanceof CancelledError || error instanceof InfrastructureError) return error;
  if (error instanceof ThrottledError) {
    const askedMs = Math.min(error.retryAfterMs, source.maxThrottleMs);
    const { after, now } = await change(context, source, (state, at) => afterThrottle(state, at, askedMs));
    return error.retryAfterMs > source.maxThrottleMs ? throttledTooLong(source, error) : prolonged(error, after, now);
  }
  const isFailure = error instanceof TransientError;
  await change(context, source, (state, now) =>
    isFailure ? afterFailure(state, now, jobId, source.breaker) : afterAnswer(state),
  );
  return error;
}

function throttledTooLong(source: Source, cause: ThrottledError): PermanentError {
  const [asked, allowed] = [cause.retryAfterMs, source.maxThrottleMs].map((ms) => `${Math.round(ms / 1_000)} s`);
  const message = `${source.name} asked for a pause of ${asked}, longer than the ${allowed} of its maxThrottle: ${cause.message}`;
  return new PermanentError("THROTTLED_TOO_LONG", message, { ...cause.details, cause });
}

/** The same, with the pause that came of it. */
function prolonged(error: ThrottledError, { throttledUntil }: SourceState, now: Date): ThrottledError {
  const retryAfterMs = Math.max(error.retryAfterMs, (throttledUntil?.getTime() ?? 0) - now.getTime());
  return new ThrottledError(error.message, { ...error.details, retryAfterMs, cause: error.cause });
}

/** Changes the source's state, and tells of a breaker that changed. */
async function change(
  { store, recent, metrics, logger }: FetchContext,
  source: Source,
  next: (state: SourceState, now: Date) => SourceState,
) {
  const changed = await store.changeSourceState(source.name, next);
  recent?.forget();
  const { before, after } = changed;
  if (before.breaker !== after.breaker) {
    metrics.breakerChanged({ source: source.name, state: after.breaker });
    const fields = { source: source.name, breaker: after.breaker, failures: after.failures, until: after.breakerUntil };
    if (after.breaker === "open") logger.warn(fields, "circuit breaker opened, no requests until then");
    else logger.info(fields, "circuit breaker changed");
  }
  return changed;
}
