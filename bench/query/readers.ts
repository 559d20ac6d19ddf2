import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** What so many readers did between their start and their end. */
export type Reading = { pages: number; events: number; pageMs: number[] };

/** A page of records each so often, as somebody who looks through them; events come by themselves. */
export const pageEveryMs = 5_000;

/*
 * Who reads sits on other machines. Here it takes the processors of the pipeline that it looks at, and more of them with Node's HTTP client
 * than the API does; so it reads bytes from sockets, and no more of HTTP than this needs: https://www.rfc-editor.org/rfc/rfc9112
 */

/**
 * `count` open dashboards: each follows the events, and asks for a page of a hundred records every five seconds. Returns what ends
 * them all.
 *
 * @throws Error of the first answer that was none
 */
export function startReaders(url: string, authorization: string, count: number): () => Promise<Reading> {
  const ended = new AbortController();
  const read: Reading = { pages: 0, events: 0, pageMs: [] };
  const { hostname, port, host } = new URL(url);
  const open = async () => {
    const socket = connect({ host: hostname, port: Number(port), signal: ended.signal });
    await once(socket, "connect", { signal: ended.signal });
    return socket;
  };
  const send = (socket: Socket, path: string) =>
    void socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: ${authorization}\r\n\r\n`);
  const unlessEnded = async (work: Promise<void>) => {
    await work.catch((error: unknown) => {
      if (!ended.signal.aborted) throw error;
    });
  };
  const follow = async () => {
    const socket = await open();
    send(socket, "/v1/events");
    let isBegun = false;
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      if (!isBegun) requireOk(chunk);
      isBegun = true;
      read.events++;
    }
    if (!ended.signal.aborted) throw new Error("the API ended the events");
  };
  const browse = async (reader: number) => {
    await delay((reader / count) * pageEveryMs, undefined, { signal: ended.signal });
    const socket = await open();
    const chunks = (socket as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    for (let next: string | undefined; ; ) {
      const asked = performance.now();
      send(socket, `/v1/records?limit=100${next === undefined ? "" : `&after=${next}`}`);
      next = nextIn(await endOfAnswer(chunks));
      read.pages++;
      read.pageMs.push(performance.now() - asked);
      await delay(Math.max(0, pageEveryMs - (performance.now() - asked)), undefined, { signal: ended.signal });
    }
  };
  const all = Promise.all(
    Array.from({ length: count }, (_, reader) => [unlessEnded(follow()), unlessEnded(browse(reader))]).flat(),
  );
  // Who waits for the end is told; until then it must not end the process.
  all.catch(() => undefined);
  return async () => {
    ended.abort();
    await all;
    return read;
  };
}

/** More than a cursor has. */
const endBytes = 1_000;

/** The last bytes of one answer, which says how long it is. */
async function endOfAnswer(chunks: AsyncIterator<Buffer>): Promise<string> {
  const { value: first, done } = await chunks.next();
  if (done) throw new Error("the API closed the connection");
  const head = requireOk(first);
  const [, length] = /^content-length: (\d+)$/im.exec(head) ?? [];
  if (length === undefined) throw new Error(`an answer without its length:\n${head}`);
  let end = first.subarray(-endBytes);
  for (let left = head.length + Number(length) - first.length; left > 0; ) {
    const { value, done: isClosed } = await chunks.next();
    if (isClosed) throw new Error(`the API closed the connection ${left} bytes early`);
    left -= value.length;
    end = Buffer.concat([end, value.subarray(-endBytes)]).subarray(-endBytes);
  }
  return end.toString("latin1");
}

/** The head of an answer, with the empty line behind it; it comes in one piece. */
function requireOk(chunk: Buffer): string {
  const head = chunk.toString("latin1", 0, chunk.indexOf("\r\n\r\n") + 4);
  if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(`the API answered ${chunk.toString("utf8", 0, 1_000)}`);
  return head;
}

/** The cursor at the end of a page, which is not read any further: that would be a browser's work. */
function nextIn(end: string): string | undefined {
  const [, next] = /"next":(?:null|"([^"]*)")\}$/.exec(end) ?? [];
  return next;
}
