import type { RouteResponse } from "@penstock/api-contract/routes";

/*
 * What the API answers, by the names that the design has for it.
 */

type ItemOf<T> = T extends { items: (infer Item)[] } ? Item : never;

export type Session = RouteResponse<"getSession">;
export type Stream = ItemOf<RouteResponse<"listStreams">>;
export type StreamDetail = RouteResponse<"getStream">;
export type Health = Stream["health"];
export type Run = ItemOf<RouteResponse<"listRuns">>;
export type RunDetail = RouteResponse<"getRun">;
export type Page = ItemOf<RouteResponse<"listPages">>;
export type Account = Run["account"];
export type Throughput = RouteResponse<"getThroughput">;
export type Letter = ItemOf<RouteResponse<"listLetters">>;
export type LetterDetail = RouteResponse<"getLetter">;
export type LetterGroup = ItemOf<RouteResponse<"groupLetters">>;
export type StoredRecord = ItemOf<RouteResponse<"listRecords">>;
export type Change = ItemOf<RouteResponse<"listChanges">>;
export type Checkpoint = ItemOf<RouteResponse<"listCheckpoints">>;
export type Backfill = ItemOf<RouteResponse<"listBackfills">>;
export type Deletion = ItemOf<RouteResponse<"listDeletions">>;
export type Queue = ItemOf<RouteResponse<"listQueues">>;
export type SourceState = ItemOf<RouteResponse<"listSources">>;
export type AuditEntry = ItemOf<RouteResponse<"listAudit">>;
