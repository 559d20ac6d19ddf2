import { connect } from "node:net";

/** What came over the wire: every piece with its time, and how it ended. */
export type RawAnswer = {
  pieces: { atMs: number; bytes: number }[];
  text: string;
  end: "closed" | "ECONNRESET" | "still open";
};

/** Asks over a bare socket, without a client that would repair or hide anything. Waits `patienceMs` for more, at most. */
export function rawRequest(url: string, patienceMs = 2_000): Promise<RawAnswer> {
  const { hostname, port, pathname, search, host } = new URL(url);
  const startedAt = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const answer: RawAnswer = { pieces: [], text: "", end: "closed" };
  const socket = connect(Number(port), hostname, () => {
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  });
  socket.setTimeout(patienceMs, () => {
    answer.end = "still open";
    socket.destroy();
  });
  socket.on("data", (piece) => {
    answer.pieces.push({ atMs: performance.now() - startedAt, bytes: piece.byteLength });
    answer.text += piece.toString("latin1");
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "ECONNRESET") answer.end = "ECONNRESET";
    else reject(error);
  });
  socket.on("close", () => resolve(answer));
  return promise;
}
