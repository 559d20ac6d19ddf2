import { describeBudget } from "@penstock/core/budget";
import { ConfigError } from "@penstock/core/errors";
import { admission } from "@penstock/core/source-state";
import { viewColumns } from "@penstock/source/view-columns";
import { z } from "zod";
import { placeText, readCursor, writeCursor } from "../cursor.ts";
import type { Handler, Handlers } from "../handler.ts";
import { type StreamItem, seriesOf } from "../live/overview.ts";
import { iso, isoOrNull, sourceQueueUrl } from "../present.ts";

const hourMs = 3_600_000;

const listStreams: Handler<"listStreams"> = async ({ query, api }) => {
  const streams = await api.overview.streams();
  return { items: streams.filter(({ source }) => query.source === undefined || source === query.source) };
};

/** @throws ConfigError `SOURCE_UNKNOWN` */
export function requireStream(
  streams: StreamItem[],
  { source, stream }: { source: string; stream: string },
): StreamItem {
  const found = streams.find((each) => each.source === source && each.stream === stream);
  if (found !== undefined) return found;
  throw new ConfigError("SOURCE_UNKNOWN", `there is no stream ${source}.${stream}`, { source, stream });
}

const getStream: Handler<"getStream"> = async ({ params, api }) => {
  const summary = requireStream(await api.overview.streams(), params);
  const definition = api.pipeline.sources.get(params.source)?.streams[params.stream];
  const budget = definition?.deadLetterBudget;
  return {
    ...summary,
    view: `${params.source}_${params.stream}`,
    columns: definition === undefined ? [] : viewColumns(definition).map(({ name, type }) => ({ name, type })),
    key: definition?.key ?? [],
    eventTime: definition?.eventTime ?? null,
    cursorField: definition?.cursor?.field ?? null,
    deadLetterBudget: budget === undefined ? "" : describeBudget(budget),
    queueUrl: sourceQueueUrl(params.source),
  };
};

const getThroughput: Handler<"getThroughput"> = async ({ params, query, api }) => {
  const { store } = api.pipeline;
  requireStream(await api.overview.streams(), params);
  // As many points as a chart has room for.
  const intervalMs = query.hours <= 48 ? hourMs : query.hours <= 240 ? 6 * hourMs : 24 * hourMs;
  const count = Math.ceil((query.hours * hourMs) / intervalMs);
  const last = Math.floor((await store.now()).getTime() / intervalMs);
  const since = new Date((last - count + 1) * intervalMs);
  const [found] = await store.queries.throughput({ ...params, since, intervalMs });
  return seriesOf(found?.points ?? [], since, { intervalMs, count });
};

const listSources: Handler<"listSources"> = async ({ api }) => {
  const { store, sources } = api.pipeline;
  const [states, now] = [await store.sourceStates(), await store.now()];
  const configured = [...sources.values()].map((source) => {
    const state = states.find((each) => each.source === source.name);
    const isHeld = state !== undefined && admission(state, now).kind === "wait";
    const until = Math.max(state?.breakerUntil?.getTime() ?? 0, state?.throttledUntil?.getTime() ?? 0);
    return {
      name: source.name,
      isConfigured: true,
      problems: [],
      streams: Object.keys(source.streams),
      breaker: state?.breaker ?? ("closed" as const),
      heldUntil: isHeld ? iso(new Date(until)) : null,
      failures: state?.failures ?? 0,
      concurrency: source.concurrency,
      rateLimit: source.rateLimit,
      queueUrl: sourceQueueUrl(source.name),
    };
  });
  const unconfigured = api.loaded.unconfigured.map(({ name, problems }) => ({
    ...{ name, isConfigured: false, problems, streams: [], breaker: "closed" as const, heldUntil: null, failures: 0 },
    ...{ concurrency: null, rateLimit: null, queueUrl: null },
  }));
  return { items: [...configured, ...unconfigured].sort((a, b) => (a.name < b.name ? -1 : 1)) };
};

const checkpointPlace = z.object({ source: placeText, stream: placeText, partition: placeText });

const listCheckpoints: Handler<"listCheckpoints"> = async ({ query, api }) => {
  const { source, stream, partition, limit } = query;
  const after = readCursor(checkpointPlace, query.after);
  const found = await api.pipeline.store.queries.checkpoints({
    ...(source !== undefined && { source }),
    ...(stream !== undefined && { stream }),
    ...(partition !== undefined && { partition }),
    ...(after !== undefined && { after }),
    limit,
  });
  const last = found.length < limit ? undefined : found.at(-1);
  const items = found.map((each) => ({
    source: each.source,
    stream: each.stream,
    partition: each.partition,
    bound: each.bound,
    watermark: isoOrNull(each.watermark),
    fence: each.fence,
    isPaused: each.isPaused,
    updatedAt: iso(each.updatedAt),
    dueSince: isoOrNull(each.dueSince),
    nextAttemptAt: isoOrNull(each.nextAttemptAt),
    failures: each.failures,
  }));
  const next = last && writeCursor({ source: last.source, stream: last.stream, partition: last.partition });
  return { items, next: next ?? null };
};

const listSchemas: Handler<"listSchemas"> = async ({ query, api }) => {
  const { source, stream } = query;
  const found = await api.pipeline.store.queries.schemas({
    ...(source !== undefined && { source }),
    ...(stream !== undefined && { stream }),
  });
  const items = found.map(({ jsonSchema, firstSeenAt, ...names }) => ({
    ...names,
    // Written by the program from the stream's definition.
    jsonSchema: jsonSchema as { [field: string]: never },
    firstSeenAt: iso(firstSeenAt),
  }));
  return { items };
};

const listDrift: Handler<"listDrift"> = async ({ query, api }) => {
  const { source, stream } = query;
  const found = await api.pipeline.store.listDrift(query);
  const items = found.map(({ path, kind, expected, came, action, records, firstSeenAt, lastSeenAt }) => ({
    ...{ source, stream, path, kind, expected, received: came, action, records },
    firstSeenAt: iso(firstSeenAt),
    lastSeenAt: iso(lastSeenAt),
  }));
  return { items };
};

const listQueues: Handler<"listQueues"> = async ({ api }) => ({ items: await api.overview.queues() });

export const streamHandlers = {
  listStreams,
  getStream,
  getThroughput,
  listSources,
  listCheckpoints,
  listSchemas,
  listDrift,
  listQueues,
} satisfies Partial<Handlers>;
