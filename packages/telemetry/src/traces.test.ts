import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { PermanentError } from "@penstock/core/errors";
import { describe, expect, it } from "vitest";
import { createLogger } from "./logger.ts";
import { createSpanRecorder } from "./otlp-traces.ts";
import { currentTraceparent, sampledTraceId } from "./scope.ts";
import { parseTraceparent, traceIdOf } from "./trace-context.ts";
import { createTraces } from "./traces.ts";

const theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

function recording(sample: number) {
  const exporter = new InMemorySpanExporter();
  const processor = new SimpleSpanProcessor({ exporter });
  const traces = createTraces(createSpanRecorder({ sample, processor, serviceName: "test" }));
  return { traces, spans: () => exporter.getFinishedSpans() };
}

describe("a traceparent", () => {
  it("is read as W3C has it, and is nothing where it is damaged", () => {
    expect(parseTraceparent(theirs)).toEqual({
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      isSampled: true,
    });
    for (const broken of [undefined, "", "01", theirs.replace("0af", "xyz"), `${theirs}-more`]) {
      expect(traceIdOf(broken)).toBeNull();
    }
  });
});

describe("traces that nobody records", () => {
  it("have ids all the same, one for all that belongs together", async () => {
    const traces = createTraces();
    const page = traces.handOn({ name: "page", parent: "root" });
    const [fetch, transform] = await traces.inSpan({ name: "fetch", parent: page }, async ({ traceparent }) => [
      traceparent,
      await traces.inSpan({ name: "transform" }, async () => currentTraceparent()),
    ]);
    expect(new Set([page, fetch, transform].map(traceIdOf)).size).toBe(1);
    expect(new Set([page, fetch, transform]).size).toBe(3);
    expect(traceIdOf(traces.handOn({ name: "page", parent: "root" }))).not.toBe(traceIdOf(page));
  });
});

describe("traces that are recorded", () => {
  it("go on where the job says, and link to the run", async () => {
    const { traces, spans } = recording(1);
    const run = traces.handOn({ name: "run", parent: "root" });
    await traces.inSpan({ name: "fetch", kind: "consumer", parent: theirs, link: run }, async (span) => {
      span.set({ "penstock.records": 5 });
      await traces.inSpan({ name: "request" }, async () => {});
    });
    const [, request, fetch] = spans();
    expect(fetch).toMatchObject({
      name: "fetch",
      parentSpanContext: { spanId: "b7ad6b7169203331" },
      links: [{ context: { traceId: traceIdOf(run) } }],
      attributes: { "penstock.records": 5 },
    });
    expect(request).toMatchObject({ name: "request", parentSpanContext: { spanId: fetch?.spanContext().spanId } });
    expect(request?.spanContext().traceId).toBe(traceIdOf(theirs));
  });

  it("say of a failure its code, and not its words", async () => {
    const { traces, spans } = recording(1);
    const failing = traces.inSpan({ name: "request" }, () =>
      Promise.reject(new PermanentError("TIMEOUT", "token=hunter2 was refused")),
    );
    await expect(failing).rejects.toThrow("hunter2");
    expect(spans()[0]).toMatchObject({ status: { code: 2 }, attributes: { "error.type": "TIMEOUT" } });
    expect(
      JSON.stringify(spans().map(({ attributes, events, status }) => ({ attributes, events, status }))),
    ).not.toContain("hunter2");
  });

  it("are left out as a whole where the dice say so, and have ids still", async () => {
    const { traces, spans } = recording(0);
    const page = traces.handOn({ name: "page", parent: "root" });
    const inside = await traces.inSpan({ name: "fetch", parent: page }, async () => ({
      traceId: traceIdOf(currentTraceparent()),
      exemplar: sampledTraceId(),
    }));
    expect(inside).toEqual({ traceId: traceIdOf(page), exemplar: undefined });
    await traces.inSpan({ name: "fetch", parent: theirs }, async () =>
      expect(sampledTraceId()).toBe(traceIdOf(theirs)),
    );
    expect(spans().map(({ name }) => name)).toEqual(["fetch"]);
  });
});

describe("a line of the log", () => {
  it("names the trace and the job that it was written in", async () => {
    const lines: Record<string, unknown>[] = [];
    const destination = { write: (line: string) => lines.push(JSON.parse(line)) };
    const logger = createLogger({ app: "test", level: "info", format: "json", destination });
    await createTraces().inSpan({ name: "fetch", parent: theirs, logFields: { jobId: "F_1", attempt: 2 } }, async () =>
      logger.child({ runId: "r" }).info({ seq: 3 }, "inside"),
    );
    logger.info({}, "outside");
    expect(lines).toMatchObject([
      { msg: "inside", traceId: traceIdOf(theirs), jobId: "F_1", attempt: 2, runId: "r", seq: 3 },
      { msg: "outside" },
    ]);
    expect(lines[1]).not.toHaveProperty("traceId");
  });
});
