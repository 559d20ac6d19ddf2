CREATE TABLE "oauth_tokens" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "sealed" TEXT,
    "version" INTEGER NOT NULL DEFAULT 0,
    "lease_holder" TEXT,
    "lease_until" DATETIME,
    "updated_at" DATETIME NOT NULL
);

ALTER TABLE "pages" ADD COLUMN "validator" TEXT;
