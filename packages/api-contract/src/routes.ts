import type { z } from "zod";
import * as backfills from "./backfills.ts";
import { liveEvent } from "./events.ts";
import { streamName } from "./fields.ts";
import * as letters from "./letters.ts";
import * as records from "./records.ts";
import { type Route, route } from "./route.ts";
import * as runs from "./runs.ts";
import * as schemas from "./schemas.ts";
import * as session from "./session.ts";
import * as streams from "./streams.ts";

/*
 * Every operation there is. The server registers what stands here and nothing else, the documentation is made of it, and the
 * authorization matrix is tested from it: what has no scope does not compile.
 */

const forms = ["application/x-ndjson", "text/csv"] as const;

const reading = {
  listRecords: route({
    method: "GET",
    path: "/v1/records",
    scope: "read",
    summary: "Records, filtered; as NDJSON or CSV any number of them.",
    query: records.recordQuery,
    response: records.recordList,
    streams: forms,
  }),
  getRecord: route({
    method: "GET",
    path: "/v1/records/{source}/{stream}/{key}",
    scope: "read",
    summary: "One record with its lineage and history.",
    params: records.recordName,
    response: records.recordDetail,
  }),
  listChanges: route({
    method: "GET",
    path: "/v1/changes",
    scope: "read",
    summary: "What was added, updated and deleted, in order, for who follows.",
    query: records.changeQuery,
    response: records.changeList,
  }),
  listSources: route({
    method: "GET",
    path: "/v1/sources",
    scope: "read",
    summary: "Sources, with their circuit breakers and limits.",
    response: streams.sourceList,
  }),
  listStreams: route({
    method: "GET",
    path: "/v1/streams",
    scope: "read",
    summary: "Streams with health, freshness, throughput and last runs.",
    query: streams.streamQuery,
    response: streams.streamList,
  }),
  getStream: route({
    method: "GET",
    path: "/v1/streams/{source}/{stream}",
    scope: "read",
    summary: "One stream, with its columns.",
    params: streamName,
    response: streams.streamDetail,
  }),
  getThroughput: route({
    method: "GET",
    path: "/v1/streams/{source}/{stream}/throughput",
    scope: "read",
    summary: "Records written over time.",
    params: streamName,
    query: streams.throughputQuery,
    response: streams.throughput,
  }),
  listRuns: route({
    method: "GET",
    path: "/v1/runs",
    scope: "read",
    summary: "Runs, newest first.",
    query: runs.runQuery,
    response: runs.runList,
  }),
  getRun: route({
    method: "GET",
    path: "/v1/runs/{run}",
    scope: "read",
    summary: "One run.",
    params: runs.runId,
    response: runs.runDetail,
  }),
  listPages: route({
    method: "GET",
    path: "/v1/runs/{run}/pages",
    scope: "read",
    summary: "A run page by page: when each was asked for and committed, and its account.",
    params: runs.runId,
    query: runs.pageQuery,
    response: runs.pageList,
  }),
  listCheckpoints: route({
    method: "GET",
    path: "/v1/checkpoints",
    scope: "read",
    summary: "Where each partition stands.",
    query: streams.checkpointQuery,
    response: streams.checkpointList,
  }),
  listLetters: route({
    method: "GET",
    path: "/v1/dead-letters",
    scope: "read",
    summary: "Dead letters, newest first.",
    query: letters.letterQuery,
    response: letters.letterList,
  }),
  groupLetters: route({
    method: "GET",
    path: "/v1/dead-letters/groups",
    scope: "read",
    summary: "Dead letters by stream, stage, code and path.",
    query: letters.letterGroupQuery,
    response: letters.letterGroups,
  }),
  getLetter: route({
    method: "GET",
    path: "/v1/dead-letters/{letter}",
    scope: "read",
    summary: "One dead letter with its payload.",
    params: letters.letterId,
    response: letters.letterDetail,
  }),
  listSchemas: route({
    method: "GET",
    path: "/v1/schemas",
    scope: "read",
    summary: "Every output schema the streams had.",
    query: schemas.schemaQuery,
    response: schemas.schemaList,
  }),
  listDrift: route({
    method: "GET",
    path: "/v1/drift",
    scope: "read",
    summary: "What arrived otherwise than the schemas say.",
    query: schemas.driftQuery,
    response: schemas.driftList,
  }),
  listBackfills: route({
    method: "GET",
    path: "/v1/backfills",
    scope: "read",
    summary: "Backfills with their progress, newest first.",
    response: backfills.backfillList,
  }),
  getBackfill: route({
    method: "GET",
    path: "/v1/backfills/{backfill}",
    scope: "read",
    summary: "One backfill.",
    params: backfills.backfillId,
    response: backfills.backfill,
  }),
  listDeletions: route({
    method: "GET",
    path: "/v1/deletions",
    scope: "read",
    summary: "Deletions that wait for a decision.",
    response: backfills.deletionList,
  }),
  listQueues: route({
    method: "GET",
    path: "/v1/queues",
    scope: "read",
    summary: "Depths of all queues.",
    response: session.queueList,
  }),
  followEvents: route({
    method: "GET",
    path: "/v1/events",
    scope: "read",
    summary: "Live state, as server-sent events.",
    response: liveEvent,
    isEventStream: true,
  }),
  listAudit: route({
    method: "GET",
    path: "/v1/audit",
    scope: "admin",
    summary: "Who did what, newest first.",
    query: session.auditQuery,
    response: session.auditList,
  }),
} satisfies Record<string, Route>;

const acting = {
  startRun: route({
    method: "POST",
    path: "/v1/runs",
    scope: "operate",
    summary: "Run a stream now.",
    body: runs.startRunBody,
    response: runs.startedRun,
    action: "run.start",
  }),
  cancelRun: route({
    method: "POST",
    path: "/v1/runs/{run}/cancel",
    scope: "operate",
    summary: "End a run that is under way; what it committed stays.",
    params: runs.runId,
    body: runs.reasonBody,
    response: runs.run,
    action: "run.cancel",
  }),
  pauseStream: route({
    method: "POST",
    path: "/v1/streams/{source}/{stream}/pause",
    scope: "operate",
    summary: "Hold a stream back until resumed.",
    params: streamName,
    body: runs.reasonBody,
    response: streams.streamSummary,
    action: "pause",
  }),
  resumeStream: route({
    method: "POST",
    path: "/v1/streams/{source}/{stream}/resume",
    scope: "operate",
    summary: "Let what was paused go on.",
    params: streamName,
    body: runs.reasonBody,
    response: streams.streamSummary,
    action: "resume",
  }),
  redriveLetters: route({
    method: "POST",
    path: "/v1/dead-letters/redrive",
    scope: "operate",
    summary: "Put dead letters back to the stage they failed in.",
    body: letters.letterChoice,
    response: letters.letterActionResult,
    action: "letters.redrive",
  }),
  discardLetters: route({
    method: "POST",
    path: "/v1/dead-letters/discard",
    scope: "operate",
    summary: "Close dead letters for good; their payload is kept.",
    body: letters.letterChoice,
    response: letters.letterActionResult,
    action: "letters.discard",
  }),
  startBackfill: route({
    method: "POST",
    path: "/v1/backfills",
    scope: "operate",
    summary: "Fetch a span of time again, in windows beside the live runs.",
    body: backfills.backfillBody,
    response: backfills.backfill,
    action: "backfill.start",
  }),
  cancelBackfill: route({
    method: "POST",
    path: "/v1/backfills/{backfill}/cancel",
    scope: "operate",
    summary: "End a backfill; what it committed stays.",
    params: backfills.backfillId,
    body: runs.reasonBody,
    response: backfills.backfill,
    action: "backfill.cancel",
  }),
  approveDeletion: route({
    method: "POST",
    path: "/v1/deletions/{deletion}/approve",
    scope: "admin",
    summary: "Mark the records as deleted that a full run found gone.",
    params: backfills.deletionId,
    body: runs.reasonBody,
    response: backfills.deletion,
    action: "deletions.approve",
  }),
  rejectDeletion: route({
    method: "POST",
    path: "/v1/deletions/{deletion}/reject",
    scope: "admin",
    summary: "Keep the records that a full run found gone.",
    params: backfills.deletionId,
    body: runs.reasonBody,
    response: backfills.deletion,
    action: "deletions.reject",
  }),
} satisfies Record<string, Route>;

const signingIn = {
  getSession: route({
    method: "GET",
    path: "/v1/session",
    scope: "none",
    summary: "Who asks, and what they may do.",
    response: session.session,
  }),
  login: route({
    method: "POST",
    path: "/v1/session",
    scope: "none",
    summary: "Exchange a key for a session cookie.",
    body: session.loginBody,
    response: session.session,
  }),
  logout: route({
    method: "DELETE",
    path: "/v1/session",
    scope: "none",
    summary: "End the session.",
    response: session.session,
  }),
} satisfies Record<string, Route>;

export const routes = { ...reading, ...acting, ...signingIn };

export type Routes = typeof routes;
export type RouteName = keyof Routes;

type SchemaOf<R, Part extends string> = R extends Record<Part, infer S extends z.ZodType> ? S : z.ZodUndefined;

/** What a caller sends and gets: for the web page. */
export type RouteQuery<N extends RouteName> = z.input<SchemaOf<Routes[N], "query">>;
export type RouteBody<N extends RouteName> = z.input<SchemaOf<Routes[N], "body">>;
export type RouteResponse<N extends RouteName> = z.output<SchemaOf<Routes[N], "response">>;
/** What a handler is given, read and completed. */
export type GivenParams<N extends RouteName> = z.output<SchemaOf<Routes[N], "params">>;
export type GivenQuery<N extends RouteName> = z.output<SchemaOf<Routes[N], "query">>;
export type GivenBody<N extends RouteName> = z.output<SchemaOf<Routes[N], "body">>;
