CREATE TABLE "backfills" (
    "id" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "from_at" DATETIME NOT NULL,
    "to_at" DATETIME NOT NULL,
    "window_ms" BIGINT NOT NULL,
    "parallel" INTEGER NOT NULL,
    "status" TEXT NOT NULL,
    "started_at" DATETIME NOT NULL,
    "ended_at" DATETIME,

    PRIMARY KEY ("id")
);

CREATE INDEX "backfills_status_idx" ON "backfills"("status");

CREATE INDEX "backfills_started_at_idx" ON "backfills"("started_at");

CREATE TABLE "backfill_windows" (
    "backfill_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "partition" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" DATETIME NOT NULL,

    PRIMARY KEY ("backfill_id", "number")
);

CREATE INDEX "backfill_windows_partition_idx" ON "backfill_windows"("partition");
