-- Pages as the API sent them, of streams that keep them, and how far each replay of them has come.
CREATE TABLE "raw_pages" (
    "run_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "hash" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "partition" TEXT NOT NULL,
    "parent" JSONB,
    "observed_at" DATETIME NOT NULL,
    "records" INTEGER NOT NULL,
    "body" BLOB NOT NULL,

    PRIMARY KEY ("run_id", "seq", "hash")
);

CREATE INDEX "raw_pages_source_stream_observed_at_run_id_seq_hash_idx" ON "raw_pages"("source", "stream", "observed_at", "run_id", "seq", "hash");

CREATE TABLE "replays" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "request" TEXT NOT NULL,
    "schema_version" TEXT NOT NULL,
    "position" JSONB,
    "pages" INTEGER NOT NULL DEFAULT 0,
    "rows_written" INTEGER NOT NULL DEFAULT 0,
    "dead_lettered" INTEGER NOT NULL DEFAULT 0,
    "started_at" DATETIME NOT NULL,
    "ended_at" DATETIME
);
