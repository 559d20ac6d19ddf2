import type { RouteResponse } from "@penstock/api-contract/routes";
import { livePartition } from "@penstock/core/run";
import type { PipelineContext } from "@penstock/pipeline/context";
import type { Schedule, Stream } from "@penstock/source/model";
import type { Throughput, ThroughputQuery } from "@penstock/store/queries/queries";
import type { StreamState } from "@penstock/store/store";
import { iso, isoOrNull, presentRun, queueUrl } from "../present.ts";
import { healthOf, tellingRun } from "./health.ts";

export type StreamItem = RouteResponse<"listStreams">["items"][number];
export type QueueItem = RouteResponse<"listQueues">["items"][number];

/** How all streams and queues stand. Read at most once a second, however many ask. */
export type Overview = {
  streams(): Promise<StreamItem[]>;
  /** The same, read anew: after something was changed. */
  freshStreams(): Promise<StreamItem[]>;
  queues(): Promise<QueueItem[]>;
};

const keptMs = 1_000;
const pastKeptMs = 60_000;
const hourMs = 3_600_000;
const sparklineHours = 24;
const runsShown = 5;

type Context = Pick<PipelineContext, "store" | "queues" | "sources">;

export function createOverview(context: Context): Overview {
  const throughput = createThroughput(context.store.queries.throughput);
  const streams = keptFor(keptMs, () => readStreams(context, throughput));
  const queues = keptFor(keptMs, () => readQueues(context));
  return { streams: streams.get, freshStreams: streams.renew, queues: queues.get };
}

type Kept<T> = { get(): Promise<T>; renew(): Promise<T> };

function keptFor<T>(ms: number, read: () => Promise<T>): Kept<T> {
  let kept: { value: Promise<T>; until: number } | undefined;
  const renew = () => {
    const value = read();
    kept = { value, until: performance.now() + ms };
    // A failure is told to who asked, and not kept for the next.
    value.catch(() => {
      if (kept?.value === value) kept = undefined;
    });
    return value;
  };
  return { renew, get: () => (kept !== undefined && performance.now() < kept.until ? kept.value : renew()) };
}

async function readQueues({ queues }: Context): Promise<QueueItem[]> {
  const depths = await queues.depths();
  return depths.map(({ queue, ...counts }) => ({ name: queue, ...counts, url: queueUrl(queue) }));
}

/**
 * Of the last day, by the hour. Pages are committed in the present: the hours before are summed up once a minute, which is long
 * enough for transactions that were under way, and else only the present hour.
 */
export function createThroughput(read: Read): ReadHours {
  let before: { hour: number; kept: Kept<Throughput[]> } | undefined;
  return async (hour, since) => {
    const readPast = () => read({ since, until: hour, intervalMs: hourMs });
    if (before?.hour !== hour.getTime()) before = { hour: hour.getTime(), kept: keptFor(pastKeptMs, readPast) };
    const [past, present] = await Promise.all([before.kept.get(), read({ since: hour, intervalMs: hourMs })]);
    const byStream = Map.groupBy([...past, ...present], ({ source, stream }) => `${source}.${stream}`);
    return [...byStream.values()].map(joined);
  };
}

type ReadHours = (hour: Date, since: Date) => Promise<Throughput[]>;
type Read = (query: ThroughputQuery) => Promise<Throughput[]>;

function joined(parts: Throughput[]): Throughput {
  const { source = "", stream = "" } = parts[0] ?? {};
  return { source, stream, points: parts.flatMap(({ points }) => points) };
}

async function readStreams(context: Context, readThroughput: ReadHours): Promise<StreamItem[]> {
  const { store, sources } = context;
  const now = await store.now();
  const hour = new Date(Math.floor(now.getTime() / hourMs) * hourMs);
  const since = new Date(hour.getTime() - (sparklineHours - 1) * hourMs);
  const [states, throughput] = await Promise.all([store.streamStates(), readThroughput(hour, since)]);
  const names = new Map<string, { source: string; stream: string }>();
  for (const { name: source, streams } of sources.values())
    for (const stream of Object.keys(streams)) names.set(`${source}.${stream}`, { source, stream });
  for (const { checkpoint } of states) names.set(`${checkpoint.source}.${checkpoint.stream}`, checkpoint);
  const read = [...names.values()].map((name) => readStream(context, name, { states, throughput, since, now }));
  return (await Promise.all(read)).sort((a, b) => (`${a.source}.${a.stream}` < `${b.source}.${b.stream}` ? -1 : 1));
}

type Known = { states: StreamState[]; throughput: Throughput[]; since: Date; now: Date };
type StreamName = { source: string; stream: string };

async function readStream(
  { store, queues, sources }: Context,
  { source, stream }: StreamName,
  { states, throughput, since, now }: Known,
): Promise<StreamItem> {
  const definition = sources.get(source)?.streams[stream];
  const isChild = definition?.parent !== undefined;
  const isOf = (each: StreamName) => each.source === source && each.stream === stream;
  const state = states.find(({ checkpoint }) => isOf(checkpoint));
  const [runs, next] = await Promise.all([
    // Windows of a backfill are shown with it: many of them would leave nothing to see of what the stream does by itself.
    store.queries.runs({ source, stream, ...(!isChild && { partition: livePartition }), limit: runsShown }),
    definition?.schedule === undefined ? undefined : queues.nextTick(source, stream),
  ]);
  const lastRuns = runs.map((run) => presentRun(run, now.getTime()));
  const freshness = freshnessOf(state, definition, now);
  const isPaused = state?.checkpoint.isPaused ?? false;
  const overdueMs = next === undefined ? null : now.getTime() - next.getTime();
  return {
    source,
    stream,
    parent: definition?.parent?.stream ?? null,
    isPaused,
    isDefined: definition !== undefined,
    ...healthOf({ isPaused, overdueMs, lastRun: lastRuns[0] ?? null, lastEnded: tellingRun(lastRuns), ...freshness }),
    freshness,
    schedule: scheduleText(definition?.schedule),
    nextRunAt: isPaused ? null : isoOrNull(next),
    bound: state?.checkpoint.bound ?? null,
    lastRuns,
    openLetters: state?.openLetters ?? 0,
    partitions: partitionsOf(state),
    sparkline: sparklineOf(throughput.find(isOf)?.points ?? [], since),
  };
}

function partitionsOf(state: StreamState | undefined): StreamItem["partitions"] {
  if (state === undefined || state.partitions === null) return null;
  const { total, due, failing } = state.partitions;
  return { total, due, failing };
}

function freshnessOf(
  state: StreamState | undefined,
  definition: Stream | undefined,
  now: Date,
): StreamItem["freshness"] {
  const watermark = state?.checkpoint.watermark ?? null;
  const lastSuccessAt = state?.lastSuccessAt ?? null;
  const since = (at: Date | null) => (at === null ? null : now.getTime() - at.getTime());
  return {
    watermark: isoOrNull(watermark),
    lagMs: since(watermark),
    lastSuccessAt: isoOrNull(lastSuccessAt),
    sinceSuccessMs: since(lastSuccessAt),
    objectiveMs: definition?.freshnessMs ?? null,
  };
}

function scheduleText(schedule: Schedule | undefined): string | null {
  if (schedule === undefined) return null;
  if ("cron" in schedule) return `${schedule.cron} ${schedule.timezone}`;
  const units: [number, string][] = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1_000, "s"],
  ];
  const [size, unit] = units.find(([ms]) => schedule.everyMs % ms === 0) ?? [1, "ms"];
  return `every ${schedule.everyMs / size} ${unit}`;
}

/** Hours without a page have a point too, so that a chart needs to know nothing of them. */
function sparklineOf(points: Throughput["points"], since: Date): StreamItem["sparkline"] {
  return seriesOf(points, since, { intervalMs: hourMs, count: sparklineHours });
}

export function seriesOf(
  points: Throughput["points"],
  since: Date,
  { intervalMs, count }: { intervalMs: number; count: number },
): StreamItem["sparkline"] {
  const known = new Map(points.map((point) => [point.at.getTime(), point]));
  const all = Array.from({ length: count }, (_, i) => {
    const at = since.getTime() + i * intervalMs;
    const { written = 0, deadLettered = 0 } = known.get(at) ?? {};
    return { at: iso(new Date(at)), written, deadLettered };
  });
  return { intervalMs, points: all };
}
