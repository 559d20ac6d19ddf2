-- Nothing was ever written to these.
DROP TABLE "run_seen";

DROP TABLE "missing_keys";

DROP TABLE "deletions";

CREATE TABLE "seen_keys" (
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "fence" INTEGER NOT NULL,

    PRIMARY KEY ("source", "stream", "key")
) WITHOUT ROWID;

CREATE TABLE "deletions" (
    "run_id" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "fence" INTEGER NOT NULL,
    "started_at" DATETIME NOT NULL,
    "is_complete" BOOLEAN NOT NULL DEFAULT false,
    "previous_fence" INTEGER,
    "observed_before" DATETIME,
    "status" TEXT NOT NULL,
    "reason" TEXT,
    "brake_kind" TEXT NOT NULL,
    "brake_at" REAL NOT NULL,
    "scanned_key" TEXT,
    "known" INTEGER NOT NULL DEFAULT 0,
    "missing" INTEGER NOT NULL DEFAULT 0,
    "missed_once" INTEGER NOT NULL DEFAULT 0,
    "deleted" INTEGER NOT NULL DEFAULT 0,
    "sample" JSONB,
    "found_at" DATETIME NOT NULL,
    "settled_at" DATETIME,

    PRIMARY KEY ("run_id")
);

CREATE UNIQUE INDEX "deletions_source_stream_fence_key" ON "deletions"("source", "stream", "fence");

CREATE INDEX "deletions_status_idx" ON "deletions"("status");
