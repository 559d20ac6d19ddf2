-- What is sent of a record: rows come as an array of these, in binary form.
CREATE TYPE "new_record" AS ("key" TEXT, "ts" TIMESTAMPTZ, "version" TEXT, "hash" TEXT, "data" JSONB, "extra" JSONB);
