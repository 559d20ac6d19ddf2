import { text } from "node:stream/consumers";
import { type LoopbackServer, sendJson, startLoopbackServer } from "./simulators/loopback-server.ts";

/** A span as it was received. */
export type ReceivedSpan = {
  service: string;
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  startTimeUnixNano: string;
  links?: { traceId: string }[];
};

/** Stands in for an OpenTelemetry collector: keeps what is sent to it as OTLP over HTTP with JSON. */
export type OtlpReceiver = LoopbackServer & {
  readonly spans: ReceivedSpan[];
  /** Names of the metrics that were pushed. */
  readonly metrics: Set<string>;
  /** All bodies, as they came. */
  readonly bodies: string[];
};

type Attribute = { key: string; value: { stringValue?: string } };
type Resource = { attributes: Attribute[] };
type Received = {
  resourceSpans?: { resource: Resource; scopeSpans: { spans: Omit<ReceivedSpan, "service">[] }[] }[];
  resourceMetrics?: { scopeMetrics: { metrics: { name: string }[] }[] }[];
};

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const [spans, metrics, bodies]: [ReceivedSpan[], Set<string>, string[]] = [[], new Set(), []];
  const keep = (body: string) => {
    bodies.push(body);
    const { resourceSpans = [], resourceMetrics = [] }: Received = JSON.parse(body);
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue ?? "";
      spans.push(...scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ ...span, service }))));
    }
    const names = resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    for (const { name } of names) metrics.add(name);
  };
  const server = await startLoopbackServer((request, response) => {
    void text(request).then((body) => {
      keep(body);
      sendJson(response, 200, "{}");
    });
  });
  return { ...server, spans, metrics, bodies };
}
