import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { hasCompose } from "@penstock/testing/compose-engine";
import { waitUntil } from "@penstock/testing/wait-until";
import { describe, expect, test } from "vitest";
import { composeProject, docker, pause, pollMs } from "./compose.ts";

const name = `penstock-scaling-${process.pid}`;
const awayMs = 30_000;
const apart = 20_000;
const workers = ["fetcher", "transformer"];
const processes = [...workers, "scheduler", "api"];

type ApiAccount = { repeated: number; given: Record<string, number> };

describe.runIf(hasCompose())("docker compose --scale", () => {
  test("1 to 4 under load, two schedulers; restarted, killed, paused, cut off, without Redis, without Postgres: nothing lost, nothing twice", async () => {
    await using penstock = composeProject(name, ["docker-compose.yml", "tests/e2e/scaling/docker-compose.scaling.yml"]);
    const { compose, containers, query } = penstock;
    const up = (replicas: number, schedulers: number) => {
      const scale = [...workers.map((each) => `${each}=${replicas}`), `scheduler=${schedulers}`];
      return compose("up", "--detach", "--wait", "--no-recreate", ...scale.flatMap((each) => ["--scale", each]));
    };
    const ids = async (...services: string[]) => (await compose("ps", "--all", "--quiet", ...services)).split("\n");
    const pages = async () => Number(await query("select count(*) from pages"));
    const ask = async (method: string, path: string) =>
      JSON.parse(await compose("exec", "-T", "slow-api", "node", "-e", asking(method, path)));
    const rate = async (ms: number) => {
      const [before, startedAt] = [await pages(), performance.now()];
      await delay(ms);
      return ((await pages()) - before) / (performance.now() - startedAt);
    };
    const goesOn = async (what: string) => {
      // A server that was just started does not answer yet.
      const patience = { timeoutMs: 120_000, intervalMs: pollMs };
      const [before] = await waitUntil(async () => [await pages()], { what: "Postgres to answer", ...patience });
      await waitUntil(async () => (await pages()) > (before ?? 0) + 16, { what, ...patience });
    };

    await compose("build", "--quiet");
    await up(1, 1);
    await goesOn("pages after the start");
    const alone = await rate(8_000);
    await up(4, 2);
    // Until it does: what else runs on the machine may take the processors for a while, and this is about the fleet.
    await waitUntil(async () => (await rate(8_000)) > 3 * alone, { what: "three times the pages", timeoutMs: 180_000 });
    await compose("up", "--detach", "--no-recreate", "prometheus");

    expect(await states(await ids(...processes))).toEqual(Array(11).fill("running, 0 restarts"));
    for (const id of await ids(...workers, "scheduler")) await docker("restart", id);
    await goesOn("pages after every container was restarted");
    const restarted: ApiAccount = await ask("GET", "/account");
    expect(restarted.repeated).toBe(0);
    expect(await query("select sum(unchanged + updated + duplicate) from pages")).toBe("0");

    const [fetchers, transformers] = [await ids("fetcher"), await ids("transformer")];
    const killed = [...fetchers.slice(0, 2), ...transformers.slice(0, 2)];
    // All but the first process of the container, which then ends, as one that crashed.
    await Promise.all(killed.map((id) => docker("exec", id, "sh", "-c", "kill -9 -1").catch(isKilledToo)));
    const [paused = "", cutOff = ""] = [fetchers[2], transformers[2]];
    await pause(paused);
    await docker("network", "disconnect", `${name}_default`, cutOff);
    await delay(apart);
    // What is still starting would meet servers that are away and begin once more, which is not what is counted below.
    await waitUntil(async () => (await health(killed)).every((state) => state === "healthy"), {
      what: "who was killed to be back",
      timeoutMs: 120_000,
      intervalMs: pollMs,
    });
    await docker("unpause", paused);
    await docker("network", "connect", "--alias", "transformer", `${name}_default`, cutOff);
    await goesOn("pages after a pause");
    for (const server of ["redis", "postgres"]) {
      await compose("stop", server);
      await delay(awayMs);
      await compose("start", server);
      await goesOn(`pages after ${server} was away`);
    }

    await ask("POST", "/end");
    const unfinished = "select count(*) from runs where status = 'running'";
    await waitUntil(async () => (await query(unfinished)) === "0", {
      what: "the end of all runs",
      timeoutMs: 120_000,
      intervalMs: pollMs,
    });
    const { given }: ApiAccount = await ask("GET", "/account");
    const expected = Object.entries(given).map(([path, count]) => [path.slice(1), count, count - 1, count]);
    expect(expected).toHaveLength(16);
    expect(JSON.parse(await query(stored))).toEqual(expected.toSorted());
    expect(await query("select count(*) from dead_letters")).toBe("0");
    expect(await query(unbalanced)).toBe("0");
    const all = await ids(...processes);
    const others = all.filter((id) => !killed.includes(id));
    expect(await states(others)).toEqual(Array(7).fill("running, 0 restarts"));
    expect(await states(killed)).toEqual(Array(4).fill("running, 1 restarts"));

    const replicas = (await containers()).filter(({ Service }) => processes.includes(Service));
    const named = replicas.map(({ Service, ID }) => `${Service} ${ID}`).toSorted();
    const watched = async () => seenBy(await compose("exec", "-T", "prometheus", "wget", "-qO-", askingPrometheus));
    const isAll = async () => isDeepStrictEqual(await watched(), named);
    await waitUntil(isAll, { what: `Prometheus to see ${named}`, timeoutMs: 60_000, intervalMs: pollMs });
    const logs = await Promise.all(replicas.map(({ ID }) => docker("logs", "--tail", "1", ID)));
    expect(logs.map((line) => JSON.parse(line).host)).toEqual(replicas.map(({ ID }) => ID));
  }, 900_000);
});

/** Of each stream: how many records, the last of them, and how many are as the API has them. */
const stored = `select json_agg(json_build_array(stream, count, last, good) order by stream) from (
  select stream, count(*), max((data->>'number')::int) as last,
    count(*) filter (where data->>'text' = 'record ' || (data->>'number')) as good
  from records group by stream) as streams`;

const unbalanced = `select count(*) from runs
  where fetched <> inserted + updated + unchanged + duplicate + filtered + dead_lettered`;

const asking = (method: string, path: string) =>
  `fetch("http://127.0.0.1:8080${path}", { method: "${method}" }).then((answer) => answer.text()).then(console.log)`;

/** The shell that kills is killed as well. */
function isKilledToo(error: unknown): void {
  if (!(error instanceof Error && "code" in error && error.code === 137)) throw error;
}

/** Of each container, whether it runs, and how often it ended by itself and was started again. */
async function states(ids: string[]): Promise<string[]> {
  const format = "{{.State.Status}}, {{.RestartCount}} restarts";
  return (await docker("inspect", "--format", format, ...ids)).trim().split("\n");
}

async function health(ids: string[]): Promise<string[]> {
  return (await docker("inspect", "--format", "{{.State.Health.Status}}", ...ids)).trim().split("\n");
}

/** Every process that Prometheus has found and reaches, by what it says of itself. */
const askingPrometheus = `http://127.0.0.1:9090/api/v1/query?query=${encodeURIComponent(
  "penstock_process_info and on (instance) up == 1",
)}`;

/** Service and container of each. */
function seenBy(answer: string): string[] {
  const { data }: { data: { result: { metric: { role: string; host: string } }[] } } = JSON.parse(answer);
  return data.result.map(({ metric }) => `${metric.role} ${metric.host}`).toSorted();
}
