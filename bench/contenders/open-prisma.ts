import { PrismaClient as PostgresClient } from "@penstock/store/generated/postgresql/client";
import { PrismaClient as SqliteClient } from "@penstock/store/generated/sqlite/client";
import { PrismaBetterSqlite3 } from "@prisma/adapter-better-sqlite3";
import { PrismaPg } from "@prisma/adapter-pg";

/** Prisma as its documentation sets it up. Both clients have the same shape. */
export function openPrisma(url: string): PostgresClient {
  const client = url.startsWith("file:")
    ? new SqliteClient({ adapter: new PrismaBetterSqlite3({ url }) })
    : new PostgresClient({ adapter: new PrismaPg({ connectionString: url }) });
  return client as PostgresClient;
}
