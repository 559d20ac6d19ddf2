-- A full refresh writes a generation of its own beside the one that is read. SQLite changes no primary key in place; renaming must
-- leave the views alone, which name the table.
PRAGMA legacy_alter_table = ON;

CREATE TABLE "new_records" (
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "generation" INTEGER NOT NULL DEFAULT 0,
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
    "extra" JSONB,
    "change" BIGINT NOT NULL DEFAULT 0,

    PRIMARY KEY ("source", "stream", "generation", "key")
);

INSERT INTO "new_records" ("source", "stream", "key", "ts", "version", "observed_at", "data", "hash", "run_id", "seq", "schema_version", "revision", "first_seen_at", "updated_at", "deleted_at", "extra")
SELECT "source", "stream", "key", "ts", "version", "observed_at", "data", "hash", "run_id", "seq", "schema_version", "revision", "first_seen_at", "updated_at", "deleted_at", "extra" FROM "records";

DROP TABLE "records";
ALTER TABLE "new_records" RENAME TO "records";

CREATE INDEX "records_change_idx" ON "records"("change");

PRAGMA legacy_alter_table = OFF;

CREATE TABLE "change_clock" (
    "id" INTEGER NOT NULL,
    "position" BIGINT NOT NULL,

    PRIMARY KEY ("id")
);

INSERT INTO "change_clock" ("id", "position") VALUES (1, 0);

ALTER TABLE "checkpoints" ADD COLUMN "generation" INTEGER NOT NULL DEFAULT 0;

ALTER TABLE "pages" ADD COLUMN "sees_all" BOOLEAN NOT NULL DEFAULT false;

CREATE TABLE "run_seen" (
    "run_id" TEXT NOT NULL,
    "key" TEXT NOT NULL,

    PRIMARY KEY ("run_id", "key")
) WITHOUT ROWID;

CREATE TABLE "deletions" (
    "run_id" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "is_complete" BOOLEAN NOT NULL,
    "previous_run_id" TEXT,
    "status" TEXT NOT NULL,
    "reason" TEXT,
    "brake_kind" TEXT NOT NULL,
    "brake_at" REAL NOT NULL,
    "scanned_key" TEXT,
    "known" INTEGER NOT NULL DEFAULT 0,
    "missing" INTEGER NOT NULL DEFAULT 0,
    "deleted" INTEGER NOT NULL DEFAULT 0,
    "found_at" DATETIME NOT NULL,
    "settled_at" DATETIME,

    PRIMARY KEY ("run_id")
);

CREATE INDEX "deletions_source_stream_found_at_idx" ON "deletions"("source", "stream", "found_at");

CREATE INDEX "deletions_status_idx" ON "deletions"("status");

CREATE TABLE "missing_keys" (
    "run_id" TEXT NOT NULL,
    "key" TEXT NOT NULL,

    PRIMARY KEY ("run_id", "key")
) WITHOUT ROWID;
