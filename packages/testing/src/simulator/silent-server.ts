import { once } from "node:events";
import { createServer, type Socket } from "node:net";

/**
 * Takes connections on 127.0.0.1 and never says a word. To a client of its `https` address no connection ever comes about,
 * since the TLS handshake is left unanswered: a connect timeout that needs no unreachable network.
 */
export async function startSilentServer() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    // A client that gives up may reset the connection.
    socket.on("error", () => socket.destroy()).on("close", () => sockets.delete(socket));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  async function close(): Promise<void> {
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  }
  const host = `127.0.0.1:${address.port}`;
  return { url: `http://${host}`, httpsUrl: `https://${host}`, close, [Symbol.asyncDispose]: close };
}
