import { text } from "node:stream/consumers";
import { type LoopbackServer, sendJson, startLoopbackServer } from "./simulators/loopback-server.ts";

/** A span as it was received. */
export type ReceivedSpan = {
  service: string;
  instance: string;
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
  /** Which processes pushed them, by the instance they say they are. */
  readonly pushers: Set<string>;
  /** All bodies, as they came. */
  readonly bodies: string[];
};

type Attribute = { key: string; value: { stringValue?: string } };
type Resource = { attributes: Attribute[] };
type Received = {
  resourceSpans?: { resource: Resource; scopeSpans: { spans: Omit<ReceivedSpan, "service" | "instance">[] }[] }[];
  resourceMetrics?: { resource: Resource; scopeMetrics: { metrics: { name: string }[] }[] }[];
};

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const [spans, bodies]: [ReceivedSpan[], string[]] = [[], []];
  const [metrics, pushers] = [new Set<string>(), new Set<string>()];
  const keep = (body: string) => {
    bodies.push(body);
    const { resourceSpans = [], resourceMetrics = [] }: Received = JSON.parse(body);
    for (const { resource, scopeSpans } of resourceSpans) {
      const of = {
        service: attributeOf(resource, "service.name"),
        instance: attributeOf(resource, "service.instance.id"),
      };
      spans.push(...scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ ...span, ...of }))));
    }
    for (const { resource } of resourceMetrics) pushers.add(attributeOf(resource, "service.instance.id"));
    const names = resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    for (const { name } of names) metrics.add(name);
  };
  const server = await startLoopbackServer((request, response) => {
    void text(request).then((body) => {
      keep(body);
      sendJson(response, 200, "{}");
    });
  });
  return { ...server, spans, metrics, pushers, bodies };
}

function attributeOf({ attributes }: Resource, name: string): string {
  return attributes.find(({ key }) => key === name)?.value.stringValue ?? "";
}
