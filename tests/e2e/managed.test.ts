import { hasCompose } from "@penstock/testing/compose-engine";
import { waitUntil } from "@penstock/testing/wait-until";
import { describe, expect, test } from "vitest";
import { composeProject, pollMs } from "./compose.ts";

const events = 1_707;
/** Those of .env.example would be refused for servers with other names than the compose file's own. */
const passwords = { POSTGRES_PASSWORD: "of-the-pooler", REDIS_PASSWORD: "of-the-account" };
const valkey = `rediss://penstock:${passwords.REDIS_PASSWORD}@valkey:6379/0`;

describe.runIf(hasCompose())("managed services", () => {
  test("Redis and Valkey with TLS and an account of their own, Postgres with TLS behind a pooler in transaction mode", async () => {
    const files = ["docker-compose.yml", "tests/e2e/managed/docker-compose.managed.yml"];
    await using penstock = composeProject(`penstock-managed-${process.pid}`, files, passwords);
    const { compose, query } = penstock;
    await compose("build", "--quiet", "migrate", "certificates");
    await compose("up", "--detach", "--wait");
    await penstock.waitForRows("usgs_earthquakes", events, 90_000);
    expect(await query(connections)).toMatch(/^[1-5] 0$/);
    const unfinished = "select count(*) from runs where status = 'running'";
    await waitUntil(async () => (await query(unfinished)) === "0", { what: "the run's end", intervalMs: pollMs });

    const ran = await compose(
      "run",
      "--rm",
      "-T",
      "-e",
      `REDIS_URL=${valkey}`,
      "cli",
      "run",
      "usgs",
      "--full",
      "--json",
    );
    expect(JSON.parse(ran)).toMatchObject({ status: "succeeded", inserted: 0, updated: 0, filtered: 0 });
  }, 300_000);
});

/** Of the pooler, the only one who connects: how many with TLS, and how many without. */
const connections = `select count(*) filter (where ssl) || ' ' || count(*) filter (where not ssl)
  from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'penstock' and client_addr is not null`;
