-- Nothing was ever written to these.
DROP TABLE "run_seen";

DROP TABLE "missing_keys";

DROP TABLE "deletions";

CREATE TABLE "seen_keys" (
    "source" TEXT COLLATE "C" NOT NULL,
    "stream" TEXT COLLATE "C" NOT NULL,
    "key" TEXT COLLATE "C" NOT NULL,
    "fence" INTEGER NOT NULL,

    CONSTRAINT "seen_keys_pkey" PRIMARY KEY ("source", "stream", "key")
);

CREATE TABLE "deletions" (
    "run_id" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "fence" INTEGER NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "is_complete" BOOLEAN NOT NULL DEFAULT false,
    "previous_fence" INTEGER,
    "observed_before" TIMESTAMPTZ(3),
    "status" TEXT NOT NULL,
    "reason" TEXT,
    "brake_kind" TEXT NOT NULL,
    "brake_at" DOUBLE PRECISION NOT NULL,
    "scanned_key" TEXT COLLATE "C",
    "known" INTEGER NOT NULL DEFAULT 0,
    "missing" INTEGER NOT NULL DEFAULT 0,
    "missed_once" INTEGER NOT NULL DEFAULT 0,
    "deleted" INTEGER NOT NULL DEFAULT 0,
    "sample" JSONB,
    "found_at" TIMESTAMPTZ(3) NOT NULL,
    "settled_at" TIMESTAMPTZ(3),

    CONSTRAINT "deletions_pkey" PRIMARY KEY ("run_id")
);

CREATE UNIQUE INDEX "deletions_source_stream_fence_key" ON "deletions"("source", "stream", "fence");

CREATE INDEX "deletions_status_idx" ON "deletions"("status");

-- Every full run updates every row, and no index changes with it: room for the new version beside the old one.
ALTER TABLE "seen_keys" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000);
