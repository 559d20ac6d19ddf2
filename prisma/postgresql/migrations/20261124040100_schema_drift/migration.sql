-- What arrives and a stream's schema does not say, and what of records is kept that the schema does not have.
CREATE TABLE "schema_drift" (
    "source" TEXT NOT NULL,
    "stream" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "path" TEXT NOT NULL,
    "came" TEXT NOT NULL,
    "expected" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "schema_version" TEXT NOT NULL,
    "records" INTEGER NOT NULL,
    "pages" INTEGER NOT NULL DEFAULT 1,
    "first_seen_at" TIMESTAMPTZ(3) NOT NULL,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL,
    "run_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,

    CONSTRAINT "schema_drift_pkey" PRIMARY KEY ("source", "stream", "kind", "path", "came")
);

ALTER TABLE "records" ADD COLUMN "extra" JSONB;
