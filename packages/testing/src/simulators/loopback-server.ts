import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

export type LoopbackServer = { url: string; close(): Promise<void>; [Symbol.asyncDispose](): Promise<void> };

/** Serves HTTP, on 127.0.0.1 unless told otherwise; port 0 lets the system choose one. Closing ends open connections too. */
export async function startLoopbackServer(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  { port = 0, host = "127.0.0.1" }: { port?: number; host?: string } = {},
): Promise<LoopbackServer> {
  const server = createServer(handle).listen(port, host);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  async function close(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }
  return { url: `http://127.0.0.1:${address.port}`, close, [Symbol.asyncDispose]: close };
}

/** Answers with JSON text. */
export function sendJson(
  response: ServerResponse,
  status: number,
  json: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(json),
    ...headers,
  });
  response.end(json);
}
