CREATE TABLE "oauth_tokens" (
    "id" TEXT NOT NULL,
    "sealed" TEXT,
    "version" INTEGER NOT NULL DEFAULT 0,
    "lease_holder" TEXT,
    "lease_until" TIMESTAMPTZ(3),
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "oauth_tokens_pkey" PRIMARY KEY ("id")
);

ALTER TABLE "pages" ADD COLUMN "validator" TEXT;
