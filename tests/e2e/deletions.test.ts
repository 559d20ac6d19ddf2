import { join } from "node:path";
import { sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { testDir } from "@penstock/testing/temp-dir";
import { expect, test } from "vitest";
import { jsonLines, penstock } from "./penstock.ts";

/* A stream whose records go and come back, through the commands, one process after another: fifteen of them. */

const all = Array.from({ length: 20 }, (_, id) => ({ id, price: 10 + id }));

test("records that are gone are deleted, many only when somebody has said so, and come back", async () => {
  let items = all;
  await using api = await startLoopbackServer((_, response) => sendJson(response, 200, JSON.stringify(items)));
  const env = {
    PENSTOCK_DATA_DIR: await testDir(),
    PENSTOCK_SOURCES_DIR: join(import.meta.dirname, "deletions/sources"),
    SHOP_URL: api.url,
  };
  const call = (...args: string[]) => penstock(args, env);
  const runWith = async (given: typeof all) => {
    items = given;
    const ended = await call("run", "shop", "--json");
    expect(ended.code, ended.stderr).toBe(0);
    return jsonLines(ended)[0];
  };
  expect(await runWith(all)).toMatchObject({ inserted: 20, deletions: { status: "baseline" } });
  const fewer = all.slice(1);
  expect(await runWith(fewer)).toMatchObject({ unchanged: 19, deletions: { status: "nothing", missedOnce: 1 } });
  expect(await runWith(fewer)).toMatchObject({ deletions: { status: "done", known: 20, deleted: 1, sample: ["0"] } });

  const few = all.slice(0, 8);
  expect(await runWith(few)).toMatchObject({ updated: 1, deletions: { status: "nothing", missedOnce: 12 } });
  const stopped = await runWith(few);
  expect(stopped).toMatchObject({ deletions: { status: "waiting", known: 20, missing: 12, deleted: 0 } });
  const run = String(stopped?.["run"]);
  expect(jsonLines(await call("deletions", "list", "--json"))).toMatchObject([{ runId: run, status: "waiting" }]);
  const text = (await call("run", "shop")).stdout;
  expect(text).toMatch(
    /12 of 20 records are gone, more than the 10 % that the stream allows, so none is deleted\. .* approve \S+` or `reject`$/m,
  );
  const settled = await call("deletions", "approve", run);
  expect(settled.code).toBe(2);
  expect(settled.stderr).toContain("DELETION_SETTLED");
  expect((await call("deletions", "approve", "nothing-of-that-name")).code).toBe(4);

  const [waiting] = jsonLines(await call("deletions", "list", "--json"));
  const approved = await call("deletions", "approve", String(waiting?.["runId"]), "--reason", "sold out");
  expect(approved.stdout).toBe("shop.items: 12 of 20 records deleted\n");
  expect(jsonLines(await call("audit", "--target", String(waiting?.["runId"]), "--json"))).toMatchObject([
    { action: "deletions.approve", reason: "sold out", details: { stream: "shop.items", missing: 12, known: 20 } },
  ]);
  expect(await runWith(all)).toMatchObject({ unchanged: 8, updated: 12, deletions: { status: "nothing", known: 20 } });
}, 240_000);
