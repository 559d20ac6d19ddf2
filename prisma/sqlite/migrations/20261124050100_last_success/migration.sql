-- When a stream last succeeded is asked with every scrape of the metrics.
CREATE INDEX "runs_succeeded_idx" ON "runs"("source", "stream", "ended_at") WHERE "status" = 'succeeded';
