CREATE TABLE "api_keys" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "scope" TEXT NOT NULL,
    "secret_hash" TEXT NOT NULL,
    "created_at" DATETIME NOT NULL,
    "expires_at" DATETIME,
    "revoked_at" DATETIME,

    PRIMARY KEY ("id")
);

CREATE TABLE "api_sessions" (
    "token_hash" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "created_at" DATETIME NOT NULL,
    "expires_at" DATETIME NOT NULL,

    PRIMARY KEY ("token_hash")
);

CREATE INDEX "api_sessions_expires_at_idx" ON "api_sessions"("expires_at");

CREATE INDEX "runs_started_at_id_idx" ON "runs"("started_at", "id");

CREATE INDEX "pages_committed_at_idx" ON "pages"("committed_at");
