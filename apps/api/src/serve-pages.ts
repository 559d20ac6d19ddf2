import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import { ConfigError } from "@penstock/core/errors";
import type { Logger } from "@penstock/telemetry/logger";
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { rule } from "./access/guard.ts";
import { docsPage, docsStyle } from "./docs-page.ts";
import type { OpenApi } from "./openapi.ts";
import { answerProblem } from "./problems.ts";
import { runbookPage } from "./runbook-page.ts";

export type PagesOptions = {
  description: OpenApi;
  /** Folder of the built dashboard. */
  dashboard: string | undefined;
  logger: Logger;
};

const runbook = join(import.meta.dirname, "../../../docs/operations.md");

/** What is there for everybody: the API's description, the runbook, and the dashboard, which asks for a key itself. */
export async function servePages(
  server: FastifyInstance,
  { description, dashboard, logger }: PagesOptions,
): Promise<void> {
  const free = { config: { scope: "none" as const } };
  const docs = docsPage(description);
  server.get("/openapi.json", free, () => description);
  server.get("/docs", free, (_, reply) => reply.type("text/html; charset=utf-8").send(docs));
  server.get("/docs/style.css", free, (_, reply) => reply.type("text/css; charset=utf-8").send(docsStyle));
  server.get("/runbook", free, async (_, reply) =>
    reply.type("text/html; charset=utf-8").send(runbookPage(await readFile(runbook, "utf8"))),
  );
  if (dashboard !== undefined) await serveDashboard(server, dashboard);
  const index = dashboard === undefined ? undefined : await readFile(join(dashboard, "index.html"));
  server.setNotFoundHandler((request, reply) => {
    if (index !== undefined && isPage(request)) return sendIndex(reply, index);
    return answerProblem(logger, unknownAddress(request), request, reply);
  });
}

/** Files that the bundler named after their content never change. */
async function serveDashboard(server: FastifyInstance, root: string): Promise<void> {
  const pages: FastifyPluginAsync = async (scope) => {
    rule(scope, "none");
    await scope.register(fastifyStatic, {
      root,
      wildcard: false,
      cacheControl: false,
      setHeaders: (reply, path) => {
        const isNamed = path.includes("/assets/");
        reply.header("cache-control", isNamed ? "public, max-age=31536000, immutable" : "no-cache");
      },
    });
  };
  await server.register(pages);
}

/** The dashboard has addresses of its own, which all begin with the same page. */
function isPage({ method, url, headers }: FastifyRequest): boolean {
  const isOurs = /^\/(v1|queues|docs|assets)(\/|$)/.test(url);
  return method === "GET" && !isOurs && (headers.accept ?? "").includes("text/html");
}

function sendIndex(reply: FastifyReply, index: Buffer): FastifyReply {
  return reply.header("cache-control", "no-cache").type("text/html; charset=utf-8").send(index);
}

function unknownAddress({ method, url }: FastifyRequest): ConfigError {
  return new ConfigError("ADDRESS_UNKNOWN", `there is no ${method} ${url.replace(/\?.*$/s, "")}`);
}
