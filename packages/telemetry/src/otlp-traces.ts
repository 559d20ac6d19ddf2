import {
  type Context,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { codeOf } from "@penstock/core/decision";
import { otlpResource } from "./otlp-resource.ts";
import { parseTraceparent, type SpanContext } from "./trace-context.ts";
import { type RecordedSpan, type SpanRecorder, type SpanStart, unrecorded } from "./traces.ts";

/** Where spans and metrics are sent: `<url>/v1/traces` and `<url>/v1/metrics`, as OTLP over HTTP. */
export type OtlpTarget = { url: string; headers: Record<string, string>; serviceName: string };

export type OtlpTracesOptions = {
  /** Share of the traces that are recorded, 0 to 1. The process that begins a trace decides for all that take part. */
  sample: number;
  /** What takes the spans. */
  processor: SpanProcessor;
  serviceName: string;
};

/** Sends spans in batches, every second; those that cannot be sent are lost, which nothing waits for. */
export function otlpProcessor({ url, headers }: OtlpTarget): SpanProcessor {
  const exporter = new OTLPTraceExporter({ url: `${url}/v1/traces`, headers, timeoutMillis: 5_000 });
  return new BatchSpanProcessor({
    exporter,
    maxQueueSize: 8_192,
    scheduledDelayMillis: 1_000,
    exportTimeoutMillis: 5_000,
  });
}

/** Records spans with OpenTelemetry's SDK. */
export function createSpanRecorder({ sample, processor, serviceName }: OtlpTracesOptions): SpanRecorder {
  const provider = new TracerProvider({
    resource: otlpResource(serviceName),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sample) }),
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer("penstock");
  return {
    start: (start, parent) => {
      // As the sampler would have it, which takes its time: of a trace that is left out there are as many spans.
      if (parent?.isSampled === false) return unrecorded.start(start, parent);
      const { name, kind = "internal", link, attributes = {} } = start;
      const options = { kind: kinds[kind], attributes, links: linksTo(link) };
      return recorded(tracer.startSpan(name, options, contextOf(parent)));
    },
    close: () => provider.shutdown(),
  };
}

const kinds: Record<NonNullable<SpanStart["kind"]>, SpanKind> = {
  internal: SpanKind.INTERNAL,
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

/** Of an error its code alone: messages may hold what an API sent. */
function recorded(span: OtelSpan): RecordedSpan {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return {
    context: { traceId, spanId, isSampled: (traceFlags & TraceFlags.SAMPLED) !== 0 },
    set: (attributes) => void span.setAttributes(attributes),
    end: (error) => {
      if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute("error.type", codeOf(error));
      span.end();
    },
  };
}

function contextOf(parent: SpanContext | undefined): Context {
  return parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, otelContext(parent));
}

function linksTo(link: string | undefined) {
  const linked = parseTraceparent(link);
  return linked === undefined ? [] : [{ context: otelContext(linked) }];
}

function otelContext({ traceId, spanId, isSampled }: SpanContext) {
  return { traceId, spanId, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true };
}
