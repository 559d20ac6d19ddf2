-- A full refresh writes a generation of its own beside the one that is read.
ALTER TABLE "records" ADD COLUMN "generation" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "records" ADD COLUMN "change" BIGINT NOT NULL DEFAULT 0;
ALTER TABLE "records" DROP CONSTRAINT "records_pkey", ADD CONSTRAINT "records_pkey" PRIMARY KEY ("source", "stream", "generation", "key");

CREATE INDEX "records_change_idx" ON "records"("change");

CREATE TABLE "change_clock" (
    "id" INTEGER NOT NULL,
    "position" BIGINT NOT NULL,

    CONSTRAINT "change_clock_pkey" PRIMARY KEY ("id")
);

INSERT INTO "change_clock" ("id", "position") VALUES (1, 0);

ALTER TABLE "checkpoints" ADD COLUMN "generation" INTEGER NOT NULL DEFAULT 0;

ALTER TABLE "pages" ADD COLUMN "sees_all" BOOLEAN NOT NULL DEFAULT false;

CREATE TABLE "run_seen" (
    "run_id" TEXT NOT NULL,
    "key" TEXT COLLATE "C" NOT NULL,

    CONSTRAINT "run_seen_pkey" PRIMARY KEY ("run_id", "key")
);

CREATE TABLE "deletions" (
    "run_id" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "is_complete" BOOLEAN NOT NULL,
    "previous_run_id" TEXT,
    "status" TEXT NOT NULL,
    "reason" TEXT,
    "brake_kind" TEXT NOT NULL,
    "brake_at" DOUBLE PRECISION NOT NULL,
    "scanned_key" TEXT COLLATE "C",
    "known" INTEGER NOT NULL DEFAULT 0,
    "missing" INTEGER NOT NULL DEFAULT 0,
    "deleted" INTEGER NOT NULL DEFAULT 0,
    "found_at" TIMESTAMPTZ(3) NOT NULL,
    "settled_at" TIMESTAMPTZ(3),

    CONSTRAINT "deletions_pkey" PRIMARY KEY ("run_id")
);

CREATE INDEX "deletions_source_stream_found_at_idx" ON "deletions"("source", "stream", "found_at");

CREATE INDEX "deletions_status_idx" ON "deletions"("status");

CREATE TABLE "missing_keys" (
    "run_id" TEXT NOT NULL,
    "key" TEXT COLLATE "C" NOT NULL,

    CONSTRAINT "missing_keys_pkey" PRIMARY KEY ("run_id", "key")
);

-- Large tables are looked after when a fixed number of their rows has changed, not a share of them: a fifth of ten million is too late.
ALTER TABLE "records" SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE "run_seen" SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000);
ALTER TABLE "pages" SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
-- Small rows that are updated with every page: room for the new version beside the old one keeps the indexes out of it.
ALTER TABLE "checkpoints" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
ALTER TABLE "runs" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
