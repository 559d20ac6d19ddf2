import { AsyncLocalStorage } from "node:async_hooks";
import { type SpanContext, traceparentOf } from "./trace-context.ts";

/*
 * What the code that runs just now is part of: the span, and the job with the fields that each line of its log has. It
 * follows the asynchronous calls, so that neither needs to be handed down to where a line is written.
 */

export type Scope = { span: SpanContext; fields: object };

const scopes = new AsyncLocalStorage<Scope>();

export function inScope<T>(scope: Scope, work: () => T): T {
  return scopes.run(scope, work);
}

export function currentSpan(): SpanContext | undefined {
  return scopes.getStore()?.span;
}

/** For what is handed on to another process. */
export function currentTraceparent(): string | undefined {
  const span = currentSpan();
  return span === undefined ? undefined : traceparentOf(span);
}

/** For the log: the trace, and the fields of the job. */
export function correlation(): object {
  const scope = scopes.getStore();
  return scope === undefined ? {} : { traceId: scope.span.traceId, ...scope.fields };
}

export function currentFields(): object {
  return scopes.getStore()?.fields ?? {};
}

/** For exemplars: a trace that nobody recorded cannot be looked at. */
export function sampledTraceId(): string | undefined {
  const span = currentSpan();
  return span?.isSampled === true ? span.traceId : undefined;
}
