import { join } from "node:path";
import { openStore } from "@penstock/store/open-store";
import { startExternalApi } from "@penstock/testing/simulators/external-api";
import { testDir } from "@penstock/testing/temp-dir";
import { waitUntil } from "@penstock/testing/wait-until";
import { expect, test } from "vitest";
import { jsonLines, penstock, startPenstock } from "./penstock.ts";

/* Records that appeared where the live runs had been already are fetched by a backfill, which is killed on its way. */

const migrationsRoot = join(import.meta.dirname, "../../prisma");
const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1_000).toISOString();

test("a span is fetched again in windows, killed and resumed, and the live checkpoint stays where it is", async () => {
  await using api = await startExternalApi({ records: 8_000, slowness: (request) => (request > 20 ? 60 : 0) });
  const dataDir = await testDir();
  const env = { PENSTOCK_DATA_DIR: dataDir, API_BASE_URL: api.url, BATCH_SIZE: "100" };
  const call = (...args: string[]) => penstock(args, env);
  expect((await penstock(["run", "external_api.data"], { ...env, BATCH_SIZE: "1000" })).code).toBe(0);
  const before = jsonLines(await call("checkpoint", "show", "external_api.data", "--json"));
  const late = Array.from({ length: 300 }, (_, i) => ({ id: `late-${i}`, ts: at(200 + i * 4), value: i }));
  api.add(late);

  // 20 minutes, of which each two are a window of 480 records or more.
  const request = ["external_api.data", "--from", at(200), "--to", at(1_400), "--partition", "2m", "--parallel", "3"];
  const killed = startPenstock(["backfill", ...request], env);
  await using store = Object.assign(await openStore({ url: `file:${dataDir}/penstock.db`, migrationsRoot }), {
    [Symbol.asyncDispose]: () => store.close(),
  });
  await waitUntil(async () => ((await store.listBackfills({ limit: 1 }))[0]?.windows.done ?? 0) >= 2, {
    what: "two windows",
    timeoutMs: 60_000,
  });
  killed.child.kill("SIGKILL");
  await killed.ended;
  const [left] = await store.listBackfills({ limit: 1 });
  expect(left).toMatchObject({ status: "running", windows: { total: 10 } });
  expect(left?.windows.done).toBeLessThan(10);

  const asked = api.requests.length;
  const resumed = await call("backfill", ...request, "--reason", "the vendor filled a gap", "--json");
  expect(resumed.code, resumed.stderr).toBe(0);
  expect(resumed.stderr).toContain(`goes on with backfill ${left?.id}`);
  const [ended] = jsonLines(resumed);
  expect(ended).toMatchObject({ id: left?.id, status: "succeeded", windows: { total: 10, done: 10, failed: 0 } });
  expect(ended?.["account"]).toMatchObject({ inserted: 300, updated: 0, deadLettered: 0 });

  expect(jsonLines(await call("checkpoint", "show", "external_api.data", "--json"))).toEqual(before);
  const rows = await store.queryView("SELECT id FROM external_api_data");
  expect(rows.map(({ id }) => id).sort()).toEqual(api.records.map(({ id }) => id).sort());
  // No window reads far beyond its end, and those that were done are not read again.
  const since = api.requests.slice(asked).flatMap(({ since: text }) => (text === null ? [] : [Date.parse(text)]));
  expect(since.length).toBeGreaterThan(10);
  expect(Math.max(...since)).toBeLessThan(Date.parse(at(1_400)) + 30_000);
  expect(jsonLines(await call("backfills", "list", "--json"))).toMatchObject([{ id: left?.id, status: "succeeded" }]);
  const done = jsonLines(await call("audit", "--json"));
  expect(done.filter(({ action }) => action === "backfill.start")).toMatchObject([
    { action: "backfill.start", reason: "the vendor filled a gap" },
    { action: "backfill.start", reason: null },
  ]);
  const refused = await call("backfill", "external_api.data", "--from", at(9), "--to", at(9));
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("BACKFILL_IMPOSSIBLE");
});
