import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTokenEndpoint } from "@penstock/source/token-endpoint";
import { startIssueApi } from "@penstock/testing/simulators/issue-api";
import { sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { expect, test } from "vitest";
import { jsonLines, penstock } from "./penstock.ts";

/* A source with a child stream and a refresh token that works once, through the commands, one process after another. */

async function startTracker() {
  const stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "penstock-tracker-"));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const issues = stack.use(await startIssueApi({ issues: 3, commentsEach: 2 }));
  const tokens = createTokenEndpoint({ refreshToken: "refresh-secret-0" });
  const pauses: number[] = [];
  const relay = async (request: IncomingMessage, response: ServerResponse) => {
    if (!tokens.isAuthorized(request)) return sendJson(response, 401, "{}");
    const pauseSeconds = pauses.shift();
    if (pauseSeconds !== undefined) return sendJson(response, 429, "{}", { "retry-after": String(pauseSeconds) });
    const answer = await fetch(`${issues.url}${request.url}`);
    sendJson(response, answer.status, await answer.text());
  };
  const front = stack.use(
    await startLoopbackServer((request, response) => {
      if (request.url === "/token") tokens.handle(request, response);
      else void relay(request, response);
    }),
  );
  const env = {
    PENSTOCK_DATA_DIR: dataDir,
    PENSTOCK_SOURCES_DIR: join(import.meta.dirname, "sources"),
    TRACKER_URL: front.url,
  };
  const call = (...args: string[]) => penstock(args, env);
  return { issues, tokens, pauses, call, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("a source with child streams and a token that works once, from preview to status", async () => {
  await using at = await startTracker();

  const previewed = await at.call("preview", "tracker.comments", "--json");
  expect(previewed.code, previewed.stderr).toBe(0);
  expect(jsonLines(previewed)).toMatchObject([{ fetched: 2, records: [{ issue: 1 }, { issue: 1 }], problems: [] }]);
  const checked = await at.call("check", "tracker", "--json");
  expect(checked.code, checked.stdout).toBe(0);
  // What the preview was given is in the database for those that come after it.
  expect(at.tokens.grants).toHaveLength(1);

  at.pauses.push(3);
  const first = await at.call("run", "tracker", "--json", "--reason", "first import");
  expect(first.code, first.stderr).toBe(0);
  expect(first.stderr).toMatch(/^tracker: no requests before \S+Z, throttled by the API$/m);
  expect(jsonLines(first)).toMatchObject([
    // The preview and the check have moved no state: everything is new.
    { stream: "issues", status: "succeeded", inserted: 3 },
    { stream: "comments", status: "succeeded", runs: 3, partitions: { total: 3, due: 0, failing: 0 }, inserted: 6 },
  ]);

  at.issues.touch(2, 1);
  at.issues.touch(3, 1);
  at.issues.hidden.add(3);
  const second = await at.call("run", "tracker", "--json");
  expect(second.code).toBe(1);
  expect(jsonLines(second)[1]).toMatchObject({
    status: "failed",
    runs: 2,
    inserted: 1,
    partitions: { total: 3, due: 1, failing: 1 },
    errorCode: "NOT_FOUND",
  });
  expect(jsonLines(await at.call("status", "--json"))[0]?.["streams"]).toMatchObject([
    { stream: "comments", partitions: { total: 3, due: 1, failing: 1 }, deadLetters: 1 },
    { stream: "issues", partitions: null },
  ]);
  expect(jsonLines(await at.call("sources", "--json"))[0]).toMatchObject([
    { stream: "issues", parent: null },
    { stream: "comments", parent: "issues", view: "tracker_comments" },
  ]);
  expect(at.tokens.grants).toHaveLength(1);

  const byHand = { actor: expect.stringMatching(/^cli:/), action: "run.start" };
  const [issues, comments] = ["tracker.issues", "tracker.comments"].map((target) => ({ ...byHand, target }));
  const noted = jsonLines(await at.call("audit", "--json"));
  expect(noted.slice(0, 2)).toMatchObject([comments, issues]);
  expect(noted.slice(2)).toMatchObject([
    { ...comments, reason: "first import", details: { mode: "incremental", partitions: "failing" } },
    { ...issues, reason: "first import", details: { mode: "incremental", run: expect.any(String) } },
  ]);
});
