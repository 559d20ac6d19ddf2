CREATE TABLE "checkpoints" (
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "partition" TEXT NOT NULL,
    "bound" TEXT,
    "fence" INTEGER NOT NULL DEFAULT 0,
    "watermark" DATETIME,
    "is_paused" BOOLEAN NOT NULL DEFAULT false,
    "updated_at" DATETIME NOT NULL,

    PRIMARY KEY ("source", "stream", "partition")
) WITHOUT ROWID;

CREATE TABLE "runs" (
    "id" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "partition" TEXT NOT NULL,
    "fence" INTEGER NOT NULL,
    "mode" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "bound_at_start" TEXT,
    "started_at" DATETIME NOT NULL,
    "api_started_at" DATETIME,
    "ended_at" DATETIME,
    "last_page_at" DATETIME,
    "committed_seq" INTEGER NOT NULL DEFAULT -1,
    "committed_cursor" TEXT,
    "bound_candidate" TEXT,
    "pages" INTEGER NOT NULL DEFAULT 0,
    "fetched" INTEGER NOT NULL DEFAULT 0,
    "inserted" INTEGER NOT NULL DEFAULT 0,
    "updated" INTEGER NOT NULL DEFAULT 0,
    "unchanged" INTEGER NOT NULL DEFAULT 0,
    "duplicate" INTEGER NOT NULL DEFAULT 0,
    "filtered" INTEGER NOT NULL DEFAULT 0,
    "dead_lettered" INTEGER NOT NULL DEFAULT 0,
    "error_code" TEXT,
    "error_message" TEXT,

    PRIMARY KEY ("id")
);

CREATE INDEX "runs_source_stream_started_at_idx" ON "runs"("source", "stream", "started_at");

CREATE TABLE "pages" (
    "run_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "cursor_in" TEXT NOT NULL,
    "cursor_out" TEXT,
    "is_last" BOOLEAN NOT NULL,
    "end_status" TEXT NOT NULL,
    "end_code" TEXT,
    "content_hash" TEXT NOT NULL,
    "bound_candidate" TEXT,
    "observed_at" DATETIME NOT NULL,
    "committed_at" DATETIME NOT NULL,
    "fetched" INTEGER NOT NULL DEFAULT 0,
    "inserted" INTEGER NOT NULL DEFAULT 0,
    "updated" INTEGER NOT NULL DEFAULT 0,
    "unchanged" INTEGER NOT NULL DEFAULT 0,
    "duplicate" INTEGER NOT NULL DEFAULT 0,
    "filtered" INTEGER NOT NULL DEFAULT 0,
    "dead_lettered" INTEGER NOT NULL DEFAULT 0,

    PRIMARY KEY ("run_id", "seq")
) WITHOUT ROWID;

CREATE TABLE "records" (
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "ts" DATETIME,
    "version" TEXT,
    "observed_at" DATETIME NOT NULL,
    -- JSON that SQLite cannot read (nested too deep) would make every query of the stream's view fail.
    "data" JSONB NOT NULL CHECK (json_valid("data")),
    "hash" TEXT NOT NULL,
    "run_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "schema_version" TEXT NOT NULL,
    "revision" INTEGER NOT NULL DEFAULT 1,
    "first_seen_at" DATETIME NOT NULL,
    "updated_at" DATETIME NOT NULL,
    "deleted_at" DATETIME,

    PRIMARY KEY ("source", "stream", "key")
);

CREATE TABLE "payloads" (
    "run_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "hash" TEXT NOT NULL,
    "body" BLOB NOT NULL,
    "stored_at" DATETIME NOT NULL,

    PRIMARY KEY ("run_id", "seq", "hash")
);

CREATE TABLE "dead_letters" (
    "id" TEXT NOT NULL,
    "identity" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "partition" TEXT NOT NULL,
    "stage" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "record_key" TEXT,
    "status" TEXT NOT NULL,
    "code" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "path" TEXT,
    "payload" TEXT NOT NULL,
    "run_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "observed_at" DATETIME NOT NULL,
    "trace_id" TEXT,
    "attempts" INTEGER NOT NULL DEFAULT 1,
    "redrives" INTEGER NOT NULL DEFAULT 0,
    "first_seen_at" DATETIME NOT NULL,
    "last_seen_at" DATETIME NOT NULL,

    PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "dead_letters_identity_key" ON "dead_letters"("identity");

CREATE INDEX "dead_letters_status_first_seen_at_idx" ON "dead_letters"("status", "first_seen_at");

CREATE INDEX "dead_letters_source_stream_status_idx" ON "dead_letters"("source", "stream", "status");

CREATE TABLE "schema_versions" (
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "json_schema" JSONB NOT NULL,
    "first_seen_at" DATETIME NOT NULL,

    PRIMARY KEY ("source", "stream", "fingerprint")
);

-- One live run per partition, whoever starts them.
CREATE UNIQUE INDEX "runs_live_key" ON "runs"("source", "stream", "partition") WHERE "status" = 'running';

-- Open letters by key: a good commit of the key resolves them.
CREATE INDEX "dead_letters_open_idx" ON "dead_letters"("source", "stream", "record_key") WHERE "status" = 'open';
