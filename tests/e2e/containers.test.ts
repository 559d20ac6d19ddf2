import { hasCompose } from "@penstock/testing/compose-engine";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { composeProject, docker } from "./compose.ts";

const events = 1_707;
const maxImageBytes = 350_000_000;
const image = "penstock:latest";

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
    await compose("stop");
    expect((await containers()).filter(({ ExitCode }) => ExitCode !== 0)).toEqual([]);
  }, 240_000);

  test("without Redis, Postgres has the queues", async () => {
    const { compose, containers, ...penstock } = project("docker-compose.yml", "docker-compose.postgres.yml");
    await compose("up", "--detach", "--wait");
    await penstock.waitForRows("usgs_earthquakes", events, 60_000);
    expect((await containers()).map(({ Service }) => Service)).not.toContain("redis");
  }, 240_000);

  test("the image is small, holds no tools, and needs neither root nor a file system to write to", async () => {
    const [{ Size, Config }] = JSON.parse(await docker("image", "inspect", image));
    expect(Size).toBeLessThan(maxImageBytes);
    expect(Config).toMatchObject({ User: "node", Labels: { "org.opencontainers.image.title": "Penstock" } });
    const unwanted =
      "find /app -name '*.test.ts' -o -path '*/node_modules/prisma' -o -path '*/node_modules/typescript'";
    expect(await docker("run", "--rm", "--entrypoint", "sh", image, "-c", unwanted)).toBe("");
    const readOnly = ["run", "--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"];
    const demo = JSON.parse(await docker(...readOnly, image, "demo", "--json"));
    expect(demo).toMatchObject({ status: "succeeded", inserted: events });
  }, 120_000);
});
