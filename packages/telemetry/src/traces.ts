import { currentFields, currentSpan, inScope } from "./scope.ts";
import { parseTraceparent, type SpanContext, traceparentOf, unrecordedSpan } from "./trace-context.ts";

/** Never texts out of an API, addresses with their query, or messages of errors: whoever sees traces sees these. */
export type Attributes = Record<string, string | number | boolean>;

export type SpanStart = {
  /** Few different ones: `fetch`, `commit`. What is particular is in the attributes. */
  name: string;
  /** `producer` hands work on that a `consumer` takes; `client` asks another server, `server` answers. Default `internal`. */
  kind?: "internal" | "client" | "server" | "producer" | "consumer";
  /** A traceparent from elsewhere; `root` begins a trace. Default: the span that is current. */
  parent?: string | "root" | undefined;
  /** Traceparent of a span that this one has to do with, in another trace. */
  link?: string | undefined;
  attributes?: Attributes;
  /** Of a job: every line that is logged in it has these. */
  logFields?: object;
};

export type Span = {
  readonly traceparent: string;
  /** What is known only at the end. */
  set(attributes: Attributes): void;
};

export type Traces = {
  /** Does `work` in a span, which has failed when the work throws. */
  inSpan<T>(start: SpanStart, work: (span: Span) => Promise<T>): Promise<T>;
  /** The traceparent of a span that is over at once: for work that is handed on. */
  handOn(start: SpanStart): string;
  /** Sends what is recorded and not yet sent. */
  close(): Promise<void>;
};

/** A span in the making, as it is recorded; {@link createTraces} does the rest. */
export type RecordedSpan = { context: SpanContext; set(attributes: Attributes): void; end(error?: unknown): void };

/** Who keeps spans. */
export type SpanRecorder = {
  start(start: SpanStart, parent: SpanContext | undefined): RecordedSpan;
  close(): Promise<void>;
};

/** Without a recorder there are ids all the same: they bring together what the logs of several processes say about a page. */
export function createTraces(recorder: SpanRecorder = unrecorded): Traces {
  const begin = (start: SpanStart): RecordedSpan => recorder.start(start, parentOf(start));
  return {
    inSpan: async (start, work) => {
      const span = begin(start);
      const scope = { span: span.context, fields: { ...currentFields(), ...start.logFields } };
      try {
        const result = await inScope(scope, () => work({ traceparent: traceparentOf(span.context), set: span.set }));
        span.end();
        return result;
      } catch (error) {
        span.end(error);
        throw error;
      }
    },
    handOn: (start) => {
      const span = begin(start);
      span.end();
      return traceparentOf(span.context);
    },
    close: () => recorder.close(),
  };
}

function parentOf({ parent }: SpanStart): SpanContext | undefined {
  if (parent === "root") return undefined;
  return parseTraceparent(parent) ?? currentSpan();
}

/** Of spans that nobody keeps there are ids. */
export const unrecorded: SpanRecorder = {
  start: (_start, parent) => ({ context: unrecordedSpan(parent), set: () => {}, end: () => {} }),
  close: async () => {},
};
