import { Redis } from "ioredis";
import { Client } from "pg";

/** Has both servers end every connection but the one that asks, as a network that fails for a moment would. */
export async function endConnections({
  redis,
  postgres,
}: Record<"redis" | "postgres", { url: string }>): Promise<void> {
  await Promise.all([endRedis(redis.url), endPostgres(postgres.url)]);
}

async function endRedis(url: string): Promise<void> {
  const redis = new Redis(url);
  try {
    await redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  } finally {
    await redis.quit();
  }
}

async function endPostgres(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
  } finally {
    await client.end();
  }
}
