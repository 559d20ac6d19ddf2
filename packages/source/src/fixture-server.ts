import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { fetch } from "undici";
import { type Concealer, createConcealer, type Fixture, originMark, readFixtures, writeFixture } from "./fixtures.ts";

type Asked = { method: string; path: string; headers: Record<string, string>; body: string };
type Reply = (asked: Asked) => Promise<Fixture["response"]>;
type Environment = Record<string, string | undefined>;

/** Answers from the files, each request with what it got when it was recorded; several times the same, in that order. */
export async function replayed(dir: string, env: Environment): Promise<Reply> {
  const conceal = createConcealer(env, new Set());
  const byRequest = Map.groupBy(await readFixtures(dir), ({ request }) => identityOf(request, conceal));
  return async ({ method, path, body }) => {
    const known = byRequest.get(identityOf({ method, path, body }, conceal));
    const next = known !== undefined && known.length > 1 ? known.shift() : known?.[0];
    if (next !== undefined) return next.response;
    const missing = `no fixture for ${method} ${conceal.path(path)}; record again`;
    return { status: 404, headers: { "content-type": "text/plain" }, body: missing };
  };
}

/** Asks the real API and keeps what it says, without secrets. */
export function recorded(dir: string, realOrigin: string, env: Environment): Reply {
  let number = 0;
  return async ({ method, path, headers, body }) => {
    const conceal = createConcealer(env, credentialsOf(headers));
    const response = await fetch(`${realOrigin}${path}`, {
      method,
      headers: withoutConnection(headers),
      redirect: "manual",
      ...(body !== "" && { body }),
    });
    const told = {
      status: response.status,
      headers: keptHeaders(response.headers, realOrigin),
      body: (await response.text()).replaceAll(realOrigin, originMark),
    };
    const kept = { ...told, headers: mapValues(told.headers, conceal.text), body: conceal.text(told.body) };
    number += 1;
    await writeFixture(dir, number, {
      request: { method, path: conceal.path(path), body: conceal.text(body) },
      response: kept,
    });
    return told;
  };
}

function identityOf({ method, path, body }: Fixture["request"], conceal: Concealer): string {
  return `${method} ${conceal.path(path)} ${conceal.text(body)}`;
}

/** Headers of a request that say nothing of who asks. */
const harmless = new Set(["accept", "accept-encoding", "accept-language", "content-type", "user-agent"]);
const ofConnection = new Set(["host", "connection", "content-length", "transfer-encoding", "accept-encoding"]);
/** What the pipeline reads of an answer. */
const keptNames = /^(content-type|date|etag|last-modified|link|location|retry-after|(x-)?ratelimit.*|x-next.*)$/;

function credentialsOf(headers: Record<string, string>): Set<string> {
  const values = Object.entries(headers).flatMap(([name, value]) =>
    harmless.has(name) || ofConnection.has(name) ? [] : [value.replace(/^(bearer|basic|token) /i, "")],
  );
  return new Set(values.filter((value) => value.length >= 4));
}

function withoutConnection(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !ofConnection.has(name)));
}

function keptHeaders(headers: Iterable<[string, string]>, realOrigin: string): Record<string, string> {
  const kept = [...headers].filter(([name]) => keptNames.test(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, value.replaceAll(realOrigin, originMark)]));
}

function mapValues(values: Record<string, string>, change: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}

/** Serves on 127.0.0.1, with its own address where the marks are. */
export async function startFixtureServer(reply: Reply) {
  const server = createServer((request, response) => void serve(request, response, reply)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  async function close(): Promise<void> {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }
  return { origin: `http://127.0.0.1:${address.port}`, [Symbol.asyncDispose]: close };
}

async function serve(request: IncomingMessage, response: ServerResponse, reply: Reply): Promise<void> {
  try {
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join(", ")]),
    );
    const body = await text(request);
    const told = await reply({ method: request.method ?? "GET", path: request.url ?? "/", headers, body });
    const here = (marked: string) => marked.replaceAll(originMark, `http://${request.headers.host}`);
    response.writeHead(told.status, mapValues(told.headers, here)).end(told.status === 304 ? "" : here(told.body));
  } catch (error) {
    response.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}
