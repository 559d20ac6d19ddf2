import { type BreakerState, breakerStates, type SourceState } from "@penstock/core/source-state";
import type { PipelineContext } from "@penstock/pipeline/context";
import type { Source } from "@penstock/source/model";
import type { Freshness, StreamFreshness } from "@penstock/store/store";
import type { Observation } from "@penstock/telemetry/observations";
import { answerOf } from "./answer-of.ts";

/** What every process says of itself, beside what it counts. */
export function observeProcess({ store, queues, metrics }: PipelineContext): void {
  metrics.observe(["connections"], async () => [
    ...poolUse("database", store.connections()),
    ...poolUse("queue", queues.connections()),
  ]);
  const backends = { database: () => store.ping(), queue: () => queues.ping() };
  metrics.observe(["backendUp"], () =>
    Promise.all(Object.entries(backends).map(([backend, ping]) => isUp(backend, ping))),
  );
}

/** How the installation stands. One role says it, so that sums over processes are right: the scheduler. */
export function observeState({ store, queues, sources, metrics }: PipelineContext): void {
  const startedAt = performance.now();
  metrics.observe(["queueJobs", "queueOldestAge"], async () => [
    ...(await queues.depths()).flatMap(({ queue, ...states }) => perState("queueJobs", { queue }, states)),
    ...(await queues.oldestJobs()).map(({ queue, state, ageMs }) => seconds("queueOldestAge", { queue, state }, ageMs)),
  ]);
  metrics.observe(["breakerState", "throttled"], async () => {
    const [known, now] = [await store.sourceStates(), await store.now()];
    return [...sources.keys()].flatMap((source) => sourceValues(source, known.find(isOf(source)), now));
  });
  metrics.observe(
    [
      "checkpointAge",
      "watermarkAge",
      "lastSuccessAge",
      "streamPaused",
      "liveRuns",
      "partitionsDue",
      "partitionsFailing",
      "openLetters",
      "deletionsWaiting",
      "freshnessObjective",
    ],
    async () => {
      const freshness = await store.freshness();
      const waitedMs = performance.now() - startedAt;
      return [...streamValues(freshness, sources), ...objectives(sources), ...neverRun(freshness, sources, waitedMs)];
    },
  );
}

function streamValues({ now, streams }: Freshness, sources: ReadonlyMap<string, Source>): Observation[] {
  const isDefined = ({ source, stream }: StreamFreshness) => sources.get(source)?.streams[stream] !== undefined;
  const isChild = ({ source, stream }: StreamFreshness) => sources.get(source)?.streams[stream]?.parent !== undefined;
  const defined = streams.filter(isDefined);
  return [...defined.flatMap((each) => valuesOf(each, now)), ...defined.filter(isChild).flatMap(partitionValues)];
}

function valuesOf(each: StreamFreshness, now: Date): Observation[] {
  const labels = { source: each.source, stream: each.stream };
  const age = (metric: Observation["metric"], at: Date | null) =>
    at === null ? [] : [seconds(metric, labels, Math.max(0, now.getTime() - at.getTime()))];
  return [
    ...age("checkpointAge", each.checkpointAt),
    ...age("watermarkAge", each.watermark),
    ...age("lastSuccessAge", each.lastSuccessAt ?? each.firstRunAt),
    { metric: "streamPaused", labels, value: each.isPaused ? 1 : 0 },
    { metric: "liveRuns", labels, value: each.liveRuns },
    { metric: "openLetters", labels, value: each.openLetters },
    { metric: "deletionsWaiting", labels, value: each.deletionsWaiting },
  ];
}

function partitionValues({ source, stream, duePartitions, failingPartitions }: StreamFreshness): Observation[] {
  const labels = { source, stream };
  return [
    { metric: "partitionsDue", labels, value: duePartitions },
    { metric: "partitionsFailing", labels, value: failingPartitions },
  ];
}

function objectives(sources: ReadonlyMap<string, Source>): Observation[] {
  return [...sources.values()].flatMap(({ name, streams }) =>
    Object.values(streams).flatMap(({ name: stream, freshnessMs }) =>
      freshnessMs === undefined ? [] : [seconds("freshnessObjective", { source: name, stream }, freshnessMs)],
    ),
  );
}

/** A stream that should be fresh and never ran would raise no alert. Children run when there are parents. */
function neverRun({ streams }: Freshness, sources: ReadonlyMap<string, Source>, waitedMs: number): Observation[] {
  const hasRun = new Set(
    streams.flatMap(({ source, stream, firstRunAt }) => (firstRunAt === null ? [] : [`${source}.${stream}`])),
  );
  return [...sources.values()].flatMap(({ name: source, streams: defined }) =>
    Object.values(defined)
      .filter(
        ({ freshnessMs, parent, name }) => freshnessMs && parent === undefined && !hasRun.has(`${source}.${name}`),
      )
      .map(({ name }) => seconds("lastSuccessAge", { source, stream: name }, waitedMs)),
  );
}

function sourceValues(source: string, known: SourceState | undefined, now: Date): Observation[] {
  const breaker: BreakerState = known?.breaker ?? "closed";
  const throttledMs = Math.max(0, (known?.throttledUntil?.getTime() ?? 0) - now.getTime());
  const states = Object.fromEntries(breakerStates.map((state) => [state, state === breaker ? 1 : 0]));
  return [...perState("breakerState", { source }, states), seconds("throttled", { source }, throttledMs)];
}

const isOf =
  (name: string) =>
  ({ source }: { source: string }): boolean =>
    source === name;

function poolUse(backend: string, use: Record<string, number> | undefined): Observation[] {
  return perState("connections", { backend }, use ?? {});
}

function perState(
  metric: Observation["metric"],
  labels: Record<string, string>,
  states: Record<string, number>,
): Observation[] {
  return Object.entries(states).map(([state, value]) => ({ metric, labels: { ...labels, state }, value }));
}

function seconds(metric: Observation["metric"], labels: Record<string, string>, ms: number): Observation {
  return { metric, labels, value: ms / 1_000 };
}

async function isUp(backend: string, ping: () => Promise<void>): Promise<Observation> {
  const answer = await answerOf(ping);
  return { metric: "backendUp", labels: { backend }, value: answer === "ok" ? 1 : 0 };
}
