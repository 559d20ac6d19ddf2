CREATE TABLE "source_states" (
    "source" TEXT NOT NULL,
    "throttled_until" TIMESTAMPTZ(3),
    "throttles" INTEGER NOT NULL DEFAULT 0,
    "breaker" TEXT NOT NULL DEFAULT 'closed',
    "failures" INTEGER NOT NULL DEFAULT 0,
    "openings" INTEGER NOT NULL DEFAULT 0,
    "breaker_until" TIMESTAMPTZ(3),
    "probe" TEXT,

    CONSTRAINT "source_states_pkey" PRIMARY KEY ("source")
);

ALTER TABLE "checkpoints" ADD COLUMN "queued_mode" TEXT;
