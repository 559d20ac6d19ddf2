import { randomFillSync } from "node:crypto";

/*
 * Which span of which trace something belongs to, as W3C Trace Context writes it (https://www.w3.org/TR/trace-context/):
 * `00-<32 hex digits of the trace>-<16 of the span>-<01 if the trace is recorded, else 00>`. It travels in jobs.
 */

export type SpanContext = { traceId: string; spanId: string; isSampled: boolean };

/** `undefined` for none, and for what another version may have written. */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text ?? "");
  const [, traceId, spanId, flags] = match ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function traceparentOf({ traceId, spanId, isSampled }: SpanContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}

/** `null` where there is no trace. */
export function traceIdOf(traceparent: string | undefined): string | null {
  return parseTraceparent(traceparent)?.traceId ?? null;
}

/** A span that nobody records: below `parent`, or of a trace of its own. */
export function unrecordedSpan(parent: SpanContext | undefined): SpanContext {
  return { traceId: parent?.traceId ?? randomHex(16), spanId: randomHex(8), isSampled: false };
}

const drawn = { bytes: Buffer.alloc(4_096), used: 4_096 };

/** A page has a dozen spans, and asking for random bytes costs the same however few they are. */
function randomHex(bytes: number): string {
  if (drawn.used + bytes > drawn.bytes.length) {
    randomFillSync(drawn.bytes);
    drawn.used = 0;
  }
  const from = drawn.used;
  drawn.used += bytes;
  return drawn.bytes.toString("hex", from, drawn.used);
}
