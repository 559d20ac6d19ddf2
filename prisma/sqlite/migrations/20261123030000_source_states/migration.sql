CREATE TABLE "source_states" (
    "source" TEXT NOT NULL PRIMARY KEY,
    "throttled_until" DATETIME,
    "throttles" INTEGER NOT NULL DEFAULT 0,
    "breaker" TEXT NOT NULL DEFAULT 'closed',
    "failures" INTEGER NOT NULL DEFAULT 0,
    "openings" INTEGER NOT NULL DEFAULT 0,
    "breaker_until" DATETIME,
    "probe" TEXT
);

ALTER TABLE "checkpoints" ADD COLUMN "queued_mode" TEXT;
