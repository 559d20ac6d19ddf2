import { once } from "node:events";
import { connect } from "node:net";
import { Client } from "pg";
import { waitUntil } from "./wait-until.ts";

/*
 * What is to be known of the two servers that tests need, wherever they run. Durability is switched off in Postgres (a crash of
 * the *process* loses nothing even so: its writes are in the operating system's cache), since tests are many and disks slow.
 */

export type ServerKind = "redis" | "postgres";

/** A server that runs. `kill` is SIGKILL; `start` brings it back with the same data under the same URL. */
export type TestServer = {
  readonly url: string;
  /** Where it runs: "container" or "local binary". */
  readonly how: string;
  /** Where its files are, if on this machine. */
  readonly dataDir?: string;
  /** Of the server's first process, if it is one of this machine. */
  pid?(): number | undefined;
  kill(): Promise<void>;
  stop(): Promise<void>;
  /** Starts it again after `kill` or `stop`, and waits until it answers. */
  start(): Promise<void>;
  /** Stops it and removes its data. */
  close(): Promise<void>;
};

export const serverKinds = {
  redis: {
    label: "Redis",
    image: "redis:8-alpine",
    port: 6379,
    url: (port: number) => `redis://127.0.0.1:${port}`,
    settings: ["--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction", "--databases", "4096"],
    ping: pingRedis,
  },
  postgres: {
    label: "Postgres",
    image: "postgres:17-alpine",
    port: 5432,
    url: (port: number) => `postgres://penstock:penstock@127.0.0.1:${port}/postgres`,
    settings: ["-c", "fsync=off", "-c", "max_connections=300", "-c", "timezone=UTC"],
    ping: pingPostgres,
  },
} as const;

/** Waits until the server at `url` answers its own protocol; a port that listens is not enough. */
export async function waitUntilAnswering(kind: ServerKind, url: string): Promise<void> {
  const { label, ping } = serverKinds[kind];
  await waitUntil(() => ping(url), { what: `${label} to answer`, timeoutMs: 30_000, intervalMs: 50 });
}

async function pingRedis(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port || 6379), timeout: 1_000 });
  socket.on("timeout", () => socket.destroy(new Error("no answer within a second")));
  try {
    await once(socket, "connect");
    socket.write("PING\r\n");
    // A server that wants a password is up too; one that only just starts may accept and close without a word.
    for await (const reply of socket) return /^(\+PONG|-NOAUTH)/.test(String(reply));
    return false;
  } finally {
    socket.destroy();
  }
}

async function pingPostgres(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on("error", ignoreAfterFailure);
  try {
    await client.connect();
    await client.query("SELECT 1");
    return true;
  } finally {
    await client.end();
  }
}

/** A client that could not connect emits the error once more; the rejected promise has told it already. */
function ignoreAfterFailure(): void {}
