import type { AppControllerRoute } from "@bull-board/api/typings/app";
import fastifyStatic from "@fastify/static";
import { covers } from "@penstock/api-contract/route";
import type { BullQueue } from "@penstock/queues/backend";
import type { Store } from "@penstock/store/store";
import type { Logger } from "@penstock/telemetry/logger";
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { rule } from "../access/guard.ts";
import { authorOf } from "../author.ts";
import { boardPath } from "../present.ts";
import { boardPage } from "./board-page.ts";
import { type Board, collectBoard } from "./collect-board.ts";

type BoardContext = { store: Pick<Store, "noteAction">; logger: Logger };

/**
 * Bull Board behind the same login: looking needs `read`, whatever changes jobs `operate` and is written to the audit log. Who
 * may only look gets a board without buttons.
 */
export async function serveBoard(
  server: FastifyInstance,
  queues: readonly BullQueue[],
  { store, logger }: BoardContext,
): Promise<void> {
  const boards = {
    reader: collectBoard(queues, { isReadOnly: true }),
    operator: collectBoard(queues, { isReadOnly: false }),
  };
  const boardOf = ({ caller }: FastifyRequest): Board =>
    caller !== undefined && covers(caller.scope, "operate") ? boards.operator : boards.reader;
  const { entry, assetsPath, routes } = boards.reader;

  const assets: FastifyPluginAsync = async (scope) => {
    rule(scope, "read");
    const files = { root: assetsPath, prefix: `${boardPath}/static/`, decorateReply: false };
    await scope.register(fastifyStatic, { ...files, immutable: true, maxAge: "30d" });
  };
  await server.register(assets);
  for (const path of [entry.route].flat()) {
    const options = { config: { scope: "read", policy: "board" } } as const;
    server.get(`${boardPath}${path === "/" ? "" : path}`, options, async (request, reply) =>
      reply.type("text/html; charset=utf-8").send(await boardPage(boardOf(request), boardPath)),
    );
  }
  for (const [index, route] of routes.entries()) {
    for (const method of [route.method].flat()) {
      const scope = method === "get" ? "read" : "operate";
      for (const path of [route.route].flat()) {
        server.route({
          method: method.toUpperCase(),
          url: `${boardPath}${path}`,
          config: { scope },
          handler: async (request, reply) => {
            const board = boardOf(request);
            const answer = await ask({ board, logger }, board.routes[index] ?? route, request, reply);
            if (scope === "operate" && reply.statusCode < 400) await note(store, request);
            return answer;
          },
        });
      }
    }
  }
}

async function ask(
  { board, logger }: { board: Board; logger: Logger },
  route: AppControllerRoute,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const { queues, uiConfig } = board;
  const { params, query, body } = request;
  try {
    const answer = await route.handler({
      queues,
      uiConfig,
      params: params as { [name: string]: string },
      query: query as { [name: string]: string },
      body: (body ?? {}) as { [name: string]: unknown },
      headers: {},
    });
    reply.code(answer.status ?? 200);
    return answer.body;
  } catch (error) {
    logger.warn({ err: error }, "Bull Board refused");
    const answer = board.onError(error instanceof Error ? error : new Error(String(error)));
    reply.code(answer.status ?? 500);
    return answer.body;
  }
}

async function note(store: Pick<Store, "noteAction">, request: FastifyRequest): Promise<void> {
  const params = request.params as { queueName?: string; jobId?: string };
  const target = [params.queueName ?? "queues", params.jobId].filter((part) => part !== undefined).join("/");
  const details = { method: request.method, path: request.url.replace(/\?.*$/s, "") };
  await store.noteAction({ ...authorOf(request.caller), action: "queue.change", target, details });
}
