import type { JsonObject } from "./json.ts";

/**
 * What is changed by hand, whoever does it: a command, or a request to the HTTP API. Named `<what>.<verb>`, where "what" is not
 * a whole stream.
 */
export const auditedActions = [
  "pause",
  "resume",
  "checkpoint.set",
  "checkpoint.reset",
  "run.start",
  "run.cancel",
  "letters.redrive",
  "letters.discard",
  "deletions.approve",
  "deletions.reject",
  "replay",
  "replay.end",
  "backfill.start",
  "backfill.cancel",
  "queue.change",
  "key.create",
  "key.revoke",
  "session.start",
  "session.end",
] as const;
export type AuditedAction = (typeof auditedActions)[number];

/** Who changes something, and what they say it is for. Shown to people: never a secret. */
export type Author = {
  /** `cli:<user>@<host>`, `api:<name of the token>`. */
  actor: string;
  reason: string | null;
};

export type NewAuditEntry = Author & {
  action: AuditedAction;
  /** `<source>`, `<source>.<stream>`, or the id of the run, letter or backfill. */
  target: string;
  /** What it was and became, how many: small, and without payloads. */
  details?: JsonObject;
};

export type AuditEntry = Author & {
  id: string;
  /** Database clock. */
  at: Date;
  action: AuditedAction;
  target: string;
  details: JsonObject | null;
};
