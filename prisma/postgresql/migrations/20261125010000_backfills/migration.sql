CREATE TABLE "backfills" (
    "id" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "from_at" TIMESTAMPTZ(3) NOT NULL,
    "to_at" TIMESTAMPTZ(3) NOT NULL,
    "window_ms" BIGINT NOT NULL,
    "parallel" INTEGER NOT NULL,
    "status" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "backfills_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "backfills_status_idx" ON "backfills"("status");

CREATE INDEX "backfills_started_at_idx" ON "backfills"("started_at");

CREATE TABLE "backfill_windows" (
    "backfill_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "partition" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "backfill_windows_pkey" PRIMARY KEY ("backfill_id", "number")
);

CREATE INDEX "backfill_windows_partition_idx" ON "backfill_windows"("partition");
