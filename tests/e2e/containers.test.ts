import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { hasCompose } from "@penstock/testing/compose-engine";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { composeProject, docker, root } from "./compose.ts";

const events = 1_707;
const maxImageBytes = 350_000_000;
const ourImage = "penstock:latest";

const labels = {
  "org.opencontainers.image.title": "Penstock",
  "org.opencontainers.image.licenses": "Apache-2.0",
  "org.opencontainers.image.version": "latest",
  "org.opencontainers.image.revision": "unknown",
};
const watching = ["grafana", "jaeger", "prometheus"];

const service = z.object({
  image: z.string(),
  mem_limit: z.string().optional(),
  restart: z.string().optional(),
  logging: z.object({ options: z.record(z.string(), z.string()) }).optional(),
  healthcheck: z.object({ test: z.array(z.string()).optional(), disable: z.boolean().optional() }).optional(),
  ports: z.array(z.object({ host_ip: z.string().optional() })).default([]),
  profiles: z.array(z.string()).default([]),
});
type Service = z.infer<typeof service>;

/** What compose makes of its files with nothing set but these. */
async function configOf(variables: Record<string, string>, ...options: string[]): Promise<string> {
  const command = ["compose", "--env-file", "/dev/null", "-p", "config", ...options, "config", "--format", "json"];
  return (await promisify(execFile)("docker", command, { cwd: root, env: { PATH: process.env["PATH"], ...variables } }))
    .stdout;
}

/** The files that a user starts, from building the image on: nothing here is for tests but the project's name. */
describe.runIf(hasCompose())("docker compose", () => {
  let stack: AsyncDisposableStack;
  beforeAll(async () => {
    await composeProject("penstock-build").compose("build");
  }, 600_000);
  beforeEach(() => {
    stack = new AsyncDisposableStack();
  });
  afterEach(() => stack.disposeAsync(), 60_000);

  const project = (...files: string[]) =>
    stack.use(composeProject(`penstock-e2e-${process.pid}`, files.length > 0 ? files : undefined));

  test("up: real earthquakes in Postgres within a minute, all healthy, and each process ends cleanly", async () => {
    const { compose, containers, ...penstock } = project();
    const startedAt = performance.now();
    await compose("up", "--detach", "--wait");
    await penstock.waitForRows("usgs_earthquakes", events, 60_000 - (performance.now() - startedAt));
    const running = (await containers()).filter(({ State }) => State === "running");
    expect(running.map(({ Service }) => Service).toSorted()).toEqual([
      "api",
      "fetcher",
      "postgres",
      "redis",
      "scheduler",
      "transformer",
      "usgs-replay",
    ]);
    expect(running.filter(({ Health }) => Health !== "healthy")).toEqual([]);
    const status = JSON.parse(await compose("run", "--rm", "-T", "cli", "status", "--json"));
    expect(status.streams).toMatchObject([{ source: "usgs", stream: "earthquakes", deadLetters: 5 }]);
    const address = await compose("port", "api", "9470");
    expect(address).toMatch(/^127\.0\.0\.1:/);
    expect(await (await fetch(`http://${address}/`)).text()).toContain("<title>Penstock");
    // What a child leaves behind is the first process', which reaps it.
    const orphan = "(sleep 0 &); sleep 1; grep -l 'State:.Z' /proc/[0-9]*/status || true";
    expect(await compose("exec", "-T", "fetcher", "sh", "-c", orphan)).toBe("");
    await compose("stop");
    expect((await containers()).filter(({ ExitCode }) => ExitCode !== 0)).toEqual([]);
  }, 240_000);

  test("every service has a limit, an end to its log and its health told; only this machine sees a port; no secret is in the files", async () => {
    const model = z.object({ services: z.record(z.string(), service) });
    const config = await configOf({ POSTGRES_PASSWORD: "p-secret", REDIS_PASSWORD: "r-secret" }, "--profile", "*");
    const { services } = model.parse(JSON.parse(config));
    const named = Object.entries(services);
    const namesOf = (is: (each: Service) => boolean) => named.filter(([, each]) => is(each)).map(([name]) => name);
    expect(namesOf(({ mem_limit }) => mem_limit === undefined)).toEqual([]);
    expect(namesOf(({ logging }) => logging?.options["max-size"] === undefined)).toEqual([]);
    expect(namesOf(({ restart }) => restart === undefined || restart === "no")).toEqual(["cli"]);
    // Those of our image are healthy as its HEALTHCHECK says.
    expect(namesOf(({ image, healthcheck }) => !(image === ourImage || healthcheck?.test))).toEqual([]);
    expect(namesOf(({ healthcheck }) => healthcheck?.disable === true).toSorted()).toEqual(["cli", "migrate"]);
    expect(namesOf(({ ports }) => ports.length > 0).toSorted()).toEqual(["api", "grafana", "jaeger", "prometheus"]);
    expect(namesOf(({ profiles }) => profiles.includes("observability")).toSorted()).toEqual(watching);
    const addresses = named.flatMap(([, { ports }]) => ports.map(({ host_ip }) => host_ip));
    expect(new Set(addresses)).toEqual(new Set(["127.0.0.1"]));
    expect(config).not.toContain("change-me");
    await expect(configOf({})).rejects.toThrow(/copy \.env\.example to \.env/);
  });

  test("on servers that others run, nothing is started for them", async () => {
    const files = ["docker-compose.yml", "docker-compose.managed.yml"].flatMap((file) => ["-f", file]);
    const urls = { DATABASE_URL: "postgres://me:p@db.example.com/x", REDIS_URL: "rediss://me:p@cache.example.com" };
    const config = await configOf({ POSTGRES_PASSWORD: "-", REDIS_PASSWORD: "-", ...urls }, ...files);
    const model = z.object({ services: z.record(z.string(), z.object({ environment: z.looseObject({}) })) });
    const { services } = model.parse(JSON.parse(config));
    expect(Object.keys(services).toSorted()).toEqual(["api", "fetcher", "migrate", "scheduler", "transformer"]);
    for (const { environment } of Object.values(services)) expect(environment).toMatchObject(urls);
  });

  test("without Redis, Postgres has the queues", async () => {
    const { compose, containers, ...penstock } = project("docker-compose.yml", "docker-compose.postgres.yml");
    await compose("up", "--detach", "--wait");
    await penstock.waitForRows("usgs_earthquakes", events, 60_000);
    expect((await containers()).map(({ Service }) => Service)).not.toContain("redis");
  }, 240_000);

  test("the image is small, holds no tools, and needs neither root nor a file system to write to", async () => {
    const [{ Size, Config }] = JSON.parse(await docker("image", "inspect", ourImage));
    expect(Size).toBeLessThan(maxImageBytes);
    expect(Config).toMatchObject({
      User: "node",
      Labels: labels,
      Entrypoint: ["tini", "--", "/app/deploy/entrypoint.sh"],
    });
    const unwanted =
      "find /app -name '*.test.ts' -o -path '*/node_modules/prisma' -o -path '*/node_modules/typescript'";
    expect(await docker("run", "--rm", "--entrypoint", "sh", ourImage, "-c", unwanted)).toBe("");
    const readOnly = ["run", "--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"];
    const demo = JSON.parse(await docker(...readOnly, ourImage, "demo", "--json"));
    expect(demo).toMatchObject({ status: "succeeded", inserted: events });
  }, 120_000);
});
