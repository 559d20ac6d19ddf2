/**
 * Every error code, with what it means and what to do about it. `docs/errors.md` lists the same; a test holds the two
 * together. Codes are part of the interface: they stand in dead letters, metrics and `--json` output.
 */
export const errorCodes = {
  // transient: tried again
  TIMEOUT: {
    means: "The API did not answer in time.",
    remedy: "Retried with backoff; if it persists raise the source's timeout.",
  },
  CONNECTION_FAILED: {
    means: "No connection to the API: DNS, refused, reset or TLS.",
    remedy: "Check the base URL and the network; retried with backoff.",
  },
  AUTH_FAILED: {
    means: "The function of the source's customAuth threw, so that no request was sent.",
    remedy: "Run `penstock --verbose preview` for its stack; retried with backoff, as what it asks may have been away.",
  },
  SERVER_ERROR: {
    means: "The API answered 5xx or 408/425.",
    remedy: "Retried with backoff; see the API's status page if it persists.",
  },
  BODY_INCOMPLETE: { means: "The response body ended early.", remedy: "Retried with backoff." },
  THROTTLED: {
    means: "The API asked us to slow down (429, or Retry-After).",
    remedy: "The whole source waits as long as asked; lower its rate limit if frequent.",
  },
  THROTTLED_TOO_LONG: {
    means: "The API asked for a longer pause than the source's maxThrottle.",
    remedy: "See the message; nothing is asked until maxThrottle is over. Lower the rate limit, or raise maxThrottle.",
  },
  BREAKER_OPEN: {
    means: "The run came to its deadline while its source did not answer.",
    remedy: "`penstock status` shows the breaker; see the API's status page. The next run starts from the same bound.",
  },
  RUN_DEADLINE: {
    means: "The run took longer than the stream's deadline.",
    remedy:
      "The next run goes on from the bound. Raise the deadline or the rate limit if the stream really is that long.",
  },
  // permanent: dead letter at once
  UNAUTHORIZED: {
    means: "The API refused the credentials (401/403).",
    remedy: "Check the source's token and its scopes.",
  },
  NOT_FOUND: { means: "The API has no such path (404/410).", remedy: "Check the stream's path and the base URL." },
  REQUEST_REJECTED: {
    means: "The API answered another 4xx.",
    remedy: "Read the response in the dead letter; correct the stream's query.",
  },
  UNEXPECTED_STATUS: {
    means: "The API answered a status that is neither success nor a known error, e.g. an unfollowed redirect.",
    remedy: "Check the base URL.",
  },
  ANSWERED_ERROR: {
    means: "The API answered with success and an error in place of records, or an error rule says that it is none.",
    remedy:
      "Read the answer in the message; correct the request, or say in `errors` what is done about such an answer.",
  },
  RUN_REFUSED: {
    means: "An error rule of the source says that such an answer fails the run.",
    remedy: "Read the answer in the message; the next run starts from the same bound.",
  },
  ORIGIN_REFUSED: {
    means: "A link or redirect of the API leads to another origin.",
    remedy: "If it is to be followed, without credentials, add the origin to the source's allowedOrigins.",
  },
  ADDRESS_REFUSED: {
    means: "A link or redirect of the API leads to an address that is not public.",
    remedy: "Look at the link: it may be an attack. Only a source that is at such an address itself may link there.",
  },
  REDIRECT_LIMIT: {
    means: "The API redirects again and again.",
    remedy: "Check the base URL, and whether the API wants other credentials.",
  },
  TOKEN_REFUSED: {
    means: "The token endpoint gives no OAuth token.",
    remedy: "Check client id, secret and scope; for a refresh token, have the account's owner consent again.",
  },
  BODY_NOT_JSON: {
    means: "The body is not JSON.",
    remedy: "Check the base URL: a login or error page answers 200 with HTML.",
  },
  BODY_TOO_LARGE: {
    means: "The body is larger than the stream's maxBytes.",
    remedy: "Lower the page size or raise maxBytes.",
  },
  BODY_TOO_DEEP: {
    means: "The body's JSON is nested deeper than can be processed.",
    remedy: "Ask the API for a flatter form, or select a part of it with `records`.",
  },
  SELECTOR_MISSED: {
    means: "The record selector found no array in the body.",
    remedy: "Check the stream's `records` selector against the response shown.",
  },
  PARENT_VALUE_INVALID: {
    means: "A value of the parent's record cannot stand in the request of its child stream.",
    remedy: "See the field; leave such parents out by the parent's transform, or use another field.",
  },
  CURSOR_STUCK: {
    means: "A full page cannot move the cursor and asking for more brings no more.",
    remedy:
      "Raise the page size (BATCH_SIZE for external_api) above the number of records that share one cursor value.",
  },
  CURSOR_MISSING: {
    means: "No record of the page has a usable cursor value.",
    remedy: "Check the stream's cursor field against the response.",
  },
  OFFSET_SHIFTED: {
    means: "Records moved while paging by offset and the overlap was not found again.",
    remedy: "The next run starts from the same bound; lower the interval or page size.",
  },
  ORDER_VIOLATED: {
    means: "The API did not sort as the stream declares.",
    remedy: 'Declare `order: "none"`, or ask the API to sort.',
  },
  TOKEN_NOT_UNIQUE: {
    means:
      "The next page is asked for behind a value that records share: those on the other side of the edge would be missed.",
    remedy:
      "Let `lastRecord` name a field that no two records share, such as the id; for a time use the keyset paginator.",
  },
  NEXT_MISSING: {
    means: "The API says that there is more, and not where.",
    remedy: "Check the paginator's paths against the response; the next run starts from the same bound.",
  },
  NEXT_INVALID: {
    means: "The API's link to the next page cannot be read.",
    remedy: "Check the paginator's path or header against the response.",
  },
  POSITION_REPEATED: {
    means: "The API named a next page that the run has read already.",
    remedy: "Check where the paginator puts the token: the API seems to ignore it.",
  },
  PAGE_REPEATED: {
    means: "The API gave the same records again for another page.",
    remedy: "Check the paginator's parameters: the API seems to ignore them.",
  },
  NO_PROGRESS: {
    means: "The API gave one empty page after the other and always named a next one.",
    remedy: "Check the paginator; raise the stream's maxEmptyPages if the API really works like that.",
  },
  WINDOW_FULL: {
    means: "The shortest window has as many records as the API gives at most.",
    remedy: "Use a finer time format, or narrow the stream's query; records beyond the maximum were not seen.",
  },
  PAGE_LIMIT: {
    means: "The run came to the stream's maxPages.",
    remedy: "Raise maxPages if the stream really is that long.",
  },
  // records
  RECORD_INVALID: {
    means: "A record does not fit the stream's schema.",
    remedy: "See path, expected and received; correct the schema or the API, then redrive.",
  },
  FIELD_UNEXPECTED: {
    means: "A record has a field that the schema does not have, and the stream's contract puts such records aside.",
    remedy: "Add the field to the schema or change the contract, then redrive.",
  },
  SCHEMA_FROZEN: {
    means: "Something arrived that the schema does not say, and the stream's contract freezes it.",
    remedy: "`penstock schema <stream> --diff` shows it; change the schema or the contract. The bound stayed.",
  },
  KEY_MISSING: { means: "A record has no key.", remedy: "See the payload; correct the stream's key, then redrive." },
  CURSOR_INVALID: {
    means: "A record has no usable cursor value.",
    remedy: "See path and received; correct the stream's cursor, then redrive.",
  },
  TRANSFORM_FAILED: {
    means: "The stream's transform threw.",
    remedy: "Read the message, correct the transform, then redrive.",
  },
  OUTPUT_INVALID: {
    means: "What the transform returned does not fit the stream's output schema.",
    remedy: "Correct the transform or the output schema, then redrive.",
  },
  RECORD_REFUSED: {
    means: "The database refuses this record's data.",
    remedy: "See the message; correct the transform, then redrive.",
  },
  TRANSFORM_STOPPED: {
    means: "The thread that a page was transformed in ended, or did not come back in time.",
    remedy: "Tried again; if it persists look for a loop without end, or for memory, in the stream's transform.",
  },
  PAYLOAD_UNREADABLE: {
    means: "A job's payload could not be read.",
    remedy: "A bug or mixed versions: finish the roll-out, then redrive.",
  },
  PAYLOAD_TOO_LARGE: {
    means: "A job is larger than a queue may hold.",
    remedy: "Please report it; a smaller page size avoids it.",
  },
  ATTEMPTS_EXHAUSTED: { means: "The last attempt failed too.", remedy: "See the cause in the message, then redrive." },
  STALLED: {
    means: "The job's worker died each time it was tried.",
    remedy: "Look for out-of-memory kills; redrive runs it alone.",
  },
  BUDGET_EXCEEDED: {
    means: "More records were dead-lettered than the stream's budget allows.",
    remedy: "`penstock dead-letters list`; correct the cause, then redrive.",
  },
  ACCOUNT_VIOLATED: {
    means: "The account of a page or run does not add up: records may be unaccounted for.",
    remedy:
      "A bug in Penstock: the page is kept whole as a dead letter and its run fails. Please report it, then redrive.",
  },
  // our own house
  DATABASE_UNAVAILABLE: {
    means: "The database does not answer.",
    remedy: "Check DATABASE_URL and that the server is up; work waits, nothing is lost.",
  },
  DATABASE_BUSY: {
    means: "The database could not finish in time (lock, deadlock, pool).",
    remedy: "Work waits and goes on by itself.",
  },
  DATABASE_MISSING: {
    means: "There is no database yet.",
    remedy: "`penstock up` or `penstock run <source>` creates it.",
  },
  DATABASE_BEHIND: {
    means: "The database was not migrated by this version yet.",
    remedy: "`penstock up` or `penstock run <source>` does it.",
  },
  DATABASE_AHEAD: {
    means: "The database was migrated by a newer Penstock.",
    remedy: "Run that version, or restore a backup.",
  },
  MIGRATION_CHANGED: {
    means: "A migration that was applied has been edited since.",
    remedy: "Restore the migration file; write a new one for the change.",
  },
  MIGRATION_FAILED: { means: "A migration failed.", remedy: "See the message; nothing of it was kept." },
  QUEUE_UNAVAILABLE: {
    means: "The queue does not answer or did not take every job.",
    remedy: "Check REDIS_URL / QUEUE_URL and that the server is up; work waits, nothing is lost.",
  },
  QUEUE_MISSING: {
    means: "The Postgres at QUEUE_URL has no queues yet.",
    remedy: "`penstock up` or `penstock run <source>` creates them.",
  },
  QUEUE_MISCONFIGURED: {
    means: "Redis may evict or forget jobs.",
    remedy: "Set maxmemory-policy noeviction and appendonly yes.",
  },
  DATA_DIR_IN_USE: {
    means: "Another process has this data folder open.",
    remedy: "Stop it, or use Redis (REDIS_URL) to run several processes.",
  },
  BACKFILL_UNKNOWN: { means: "No backfill has that id.", remedy: "`penstock backfills list` lists them." },
  BACKFILL_IMPOSSIBLE: {
    means: "The stream cannot be fetched by windows of time, or not by these.",
    remedy: "See the message; a full run (`penstock run --full`) fetches everything again.",
  },
  DELETION_UNKNOWN: {
    means: "There is no such run whose missing records wait for a decision.",
    remedy: "`penstock deletions list` shows what full runs found gone.",
  },
  DELETION_SETTLED: {
    means: "What the run found gone waits for no decision.",
    remedy: "`penstock deletions show` tells what became of it.",
  },
  LETTER_UNKNOWN: { means: "No dead letter has that id.", remedy: "`penstock dead-letters list` lists them." },
  // what was asked for
  CONFIG_INVALID: {
    means: "Configuration variables are wrong or missing.",
    remedy:
      "Correct what the message names: an argument, or a variable in the environment or `.env` (docs/configuration.md has them all).",
  },
  SOURCE_INVALID: { means: "A source file cannot be used.", remedy: "See the message for the file and the field." },
  SOURCE_UNKNOWN: {
    means: "No source or stream of that name is defined.",
    remedy: "`penstock sources` lists what is.",
  },
  STREAM_PAUSED: { means: "The stream is paused.", remedy: "`penstock resume <source.stream>` lets it go on." },
  SAMPLE_UNUSABLE: {
    means: "`penstock new` cannot make a source of what the API answered.",
    remedy: "Give the address of a list of records; what does not fit is for a file written by hand, see the cookbook.",
  },
  RUN_ACTIVE: { means: "The partition has a live run already.", remedy: "Wait for it, or take it over." },
  RUN_UNKNOWN: { means: "No run has that id.", remedy: "`penstock runs` lists them." },
  RUN_SUPERSEDED: { means: "Another run took the partition over.", remedy: "Look at the newer run." },
  CANCELLED: { means: "Stopped on request.", remedy: "Start it again when wanted." },
  // the HTTP API's
  REQUEST_INVALID: {
    means: "The request does not fit what the API takes.",
    remedy: "See `errors`; /docs describes each operation.",
  },
  CALLER_UNKNOWN: {
    means: "The API needs a key, and none that holds was shown.",
    remedy: "Send `Authorization: Bearer <key>`; `penstock keys create` makes one.",
  },
  CALLER_FORBIDDEN: {
    means: "The key may not do this.",
    remedy: "Use a key of the scope that the message names.",
  },
  SITE_REFUSED: {
    means: "The request comes from a page of another site, or asks under a foreign name.",
    remedy: "Use the API's own address; programs send a key in the header Authorization.",
  },
  ADDRESS_UNKNOWN: { means: "There is no such thing.", remedy: "See the message; /docs lists what there is." },
  TOO_MANY_REQUESTS: {
    means: "The caller asks more often than PENSTOCK_API_RATE_LIMIT allows.",
    remedy: "Wait as long as the header Retry-After says.",
  },
  KEY_UNKNOWN: { means: "No API key has that id.", remedy: "`penstock keys list` lists them." },
  UNEXPECTED: { means: "A bug in Penstock.", remedy: "Please report it with the output of --verbose." },
} as const satisfies Record<string, { means: string; remedy: string }>;

export type ErrorCode = keyof typeof errorCodes;
