import type { RouteName, Routes } from "@penstock/api-contract/routes";

type Address<N extends RouteName> = `${Routes[N]["method"]} ${Routes[N]["path"]}`;

/**
 * Where the operations are. The contract's route table says the same and holds this to it; importing the table itself would bring
 * its schemas along, which weigh more than the page.
 */
export const addresses = {
  approveDeletion: "POST /v1/deletions/{deletion}/approve",
  cancelBackfill: "POST /v1/backfills/{backfill}/cancel",
  cancelRun: "POST /v1/runs/{run}/cancel",
  discardLetters: "POST /v1/dead-letters/discard",
  getLetter: "GET /v1/dead-letters/{letter}",
  getRecord: "GET /v1/records/{source}/{stream}/{key}",
  getRun: "GET /v1/runs/{run}",
  getSession: "GET /v1/session",
  getStream: "GET /v1/streams/{source}/{stream}",
  getThroughput: "GET /v1/streams/{source}/{stream}/throughput",
  groupLetters: "GET /v1/dead-letters/groups",
  listAudit: "GET /v1/audit",
  listBackfills: "GET /v1/backfills",
  listChanges: "GET /v1/changes",
  listCheckpoints: "GET /v1/checkpoints",
  listDeletions: "GET /v1/deletions",
  listDrift: "GET /v1/drift",
  listLetters: "GET /v1/dead-letters",
  listPages: "GET /v1/runs/{run}/pages",
  listQueues: "GET /v1/queues",
  listRecords: "GET /v1/records",
  listRuns: "GET /v1/runs",
  listSchemas: "GET /v1/schemas",
  listSources: "GET /v1/sources",
  listStreams: "GET /v1/streams",
  login: "POST /v1/session",
  logout: "DELETE /v1/session",
  pauseStream: "POST /v1/streams/{source}/{stream}/pause",
  redriveLetters: "POST /v1/dead-letters/redrive",
  rejectDeletion: "POST /v1/deletions/{deletion}/reject",
  resumeStream: "POST /v1/streams/{source}/{stream}/resume",
  startBackfill: "POST /v1/backfills",
  startRun: "POST /v1/runs",
} as const satisfies { [N in RouteName]?: Address<N> };

export type Operation = keyof typeof addresses;
