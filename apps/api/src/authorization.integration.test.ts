import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { covers, type Scope, scopes } from "@penstock/api-contract/route";
import { routes } from "@penstock/api-contract/routes";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { collectBoard } from "./board/collect-board.ts";
import { handlers } from "./handlers/handlers.ts";
import { openTestApi, type TestApi } from "./test-api.ts";

const callers = ["nobody", "read", "operate", "admin", "expired", "revoked", "forged"] as const;
type CallerKind = (typeof callers)[number];

/** What a caller of that kind may do: an end of a key is as no key. */
const heldBy = (kind: CallerKind): Scope => scopes.find((scope) => scope === kind) ?? "none";

describe("who may do what", () => {
  const stack = new AsyncDisposableStack();
  const authorization = new Map<CallerKind, string>();
  let api: TestApi;

  beforeAll(async () => {
    api = await openTestApi(stack);
    for (const scope of ["read", "operate", "admin"] as const)
      authorization.set(scope, `Bearer ${(await api.key(scope)).key}`);
    const expired = await api.key("admin", new Date(Date.now() - 1_000));
    const revoked = await api.key("admin");
    await api.store.access.revokeKey(revoked.id, { actor: "test", reason: null });
    authorization.set("expired", `Bearer ${expired.key}`).set("revoked", `Bearer ${revoked.key}`);
    authorization.set("forged", `Bearer ${expired.key.slice(0, -1)}_`);
  });
  afterAll(() => stack.disposeAsync());

  const ask = async (kind: CallerKind, method: "GET" | "POST" | "DELETE" | "PUT", url: string) => {
    const header = authorization.get(kind);
    const headers = { ...(header !== undefined && { authorization: header }), accept: "application/json" };
    return await api.server.inject({ method, url, headers, ...(method === "POST" && { payload: {} }) });
  };

  // An event stream has no end; that it is refused can be asked.
  const served = Object.entries(routes).filter(([name]) => name in handlers);

  test.each(served)("%s", async (_name, route) => {
    const path = route.path.replaceAll(/\{\w+\}/g, "nothing");
    for (const kind of callers) {
      const mayPass = covers(heldBy(kind), route.scope);
      if (mayPass && "isEventStream" in route) continue;
      const { statusCode } = await ask(kind, route.method, path);
      const refusal = heldBy(kind) === "none" ? 401 : 403;
      // Logging in with nothing is refused by what it is asked with, not by who asks.
      if (mayPass) expect([kind, [401, 403].includes(statusCode)]).toEqual([kind, false]);
      else expect([kind, statusCode]).toEqual([kind, refusal]);
    }
  });

  // What looks needs less than what changes; made of Bull Board's own table, so that what it adds is tried too.
  const ofBoard = collectBoard([], { isReadOnly: false }).routes.flatMap(({ method, route }) =>
    [method].flat().flatMap((each) => [route].flat().map((path) => [each.toUpperCase(), path] as const)),
  );

  test.each(ofBoard)("Bull Board: %s %s", async (method, path) => {
    const needed = method === "GET" ? "read" : "operate";
    const url = `/queues${path.replaceAll(/:\w+/g, "nothing")}`;
    for (const kind of callers) {
      const { statusCode } = await ask(kind, method as "GET", url);
      const isRefused = statusCode === 401 || statusCode === 403;
      expect([kind, isRefused]).toEqual([kind, !covers(heldBy(kind), needed)]);
    }
  });

  test("Bull Board shows itself to readers, and takes changes from operators only", async () => {
    expect((await ask("nobody", "GET", "/queues")).statusCode).toBe(401);
    expect((await ask("nobody", "GET", "/queues/static/css/x.css")).statusCode).toBe(401);
    const page = await ask("read", "GET", "/queues");
    expect(page.statusCode).toBe(200);
    expect(page.body).not.toMatch(/https?:\/\//);
    expect(page.body).not.toMatch(/<style|style=/);
    const change = "/queues/api/queues/transform/pause";
    expect((await ask("read", "PUT", change)).statusCode).toBe(403);
    expect((await ask("operate", "PUT", change)).statusCode).not.toBe(403);
  });

  test("docs/api.md says of each scope which actions it adds", async () => {
    const page = await readFile(join(import.meta.dirname, "../../../docs/api.md"), "utf8");
    for (const scope of ["read", "operate", "admin"] as const) {
      const [, may = ""] = new RegExp(`^\\| \`${scope}\` \\| (.*) \\|$`, "m").exec(page) ?? [];
      const actions = Object.values(routes).flatMap((route) => ("action" in route ? [route] : []));
      const said = actions.filter(({ action }) => may.includes(action.replace(/^.*\./, "")));
      expect([scope, said.map(({ action }) => action)]).toEqual([
        scope,
        actions.filter((route) => route.scope === scope).map(({ action }) => action),
      ]);
    }
  });

  test("what is for everybody", async () => {
    for (const url of ["/openapi.json", "/docs", "/runbook"])
      expect((await ask("nobody", "GET", url)).statusCode).toBe(200);
  });

  test("a route that does not say who may ask keeps the server from starting", async () => {
    const { default: Fastify } = await import("fastify");
    const { guard } = await import("./access/guard.ts");
    const server = Fastify();
    guard(server);
    server.get("/unruled", () => "x");
    await expect(server.ready()).rejects.toThrow("/unruled");
    await server.close();
  });
});
