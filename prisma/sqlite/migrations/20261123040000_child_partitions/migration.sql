-- Partitions of child streams: which are to be run, in what mode, since when, and not before when.
ALTER TABLE "checkpoints" ADD COLUMN "due_fence" INTEGER;
ALTER TABLE "checkpoints" ADD COLUMN "due_mode" TEXT;
ALTER TABLE "checkpoints" ADD COLUMN "due_since" DATETIME;
ALTER TABLE "checkpoints" ADD COLUMN "next_attempt_at" DATETIME;
ALTER TABLE "checkpoints" ADD COLUMN "failures" INTEGER NOT NULL DEFAULT 0;

CREATE INDEX "checkpoints_due_idx" ON "checkpoints"("source", "stream", "next_attempt_at") WHERE "due_fence" IS NOT NULL;

CREATE INDEX "runs_source_stream_partition_started_at_idx" ON "runs"("source", "stream", "partition", "started_at");
