import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Answer } from "./answer.ts";
import type { Fault } from "./faults.ts";

/** Sends an answer as the fault wants it. Resolves when all that will be sent was handed to the system. */
export async function send(
  response: ServerResponse,
  answer: Answer,
  fault: Fault | undefined,
  signal: AbortSignal,
): Promise<void> {
  switch (fault?.kind) {
    case "hang":
      return;
    case "reset":
      response.socket?.resetAndDestroy();
      return;
    case "huge":
      return await sendHuge(response, answer, fault.bytes);
    case "truncated":
      return sendHalf(response, answer);
    case "slow-drip":
      return await drip(response, answer, fault, signal);
    case "late-headers":
      await delay(fault.ms, undefined, { signal });
      return sendWhole(response, answer);
    default:
      return sendWhole(response, answer);
  }
}

function sendWhole(response: ServerResponse, answer: Answer): void {
  head(response, answer);
  response.end(answer.body);
}

function head(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, status === 304 ? headers : { "content-length": body.byteLength, ...headers });
}

function sendHalf(response: ServerResponse, answer: Answer): void {
  head(response, answer);
  response.write(answer.body.subarray(0, answer.body.byteLength >> 1), () => response.socket?.destroy());
}

async function drip(
  response: ServerResponse,
  answer: Answer,
  { bytes, everyMs }: { bytes: number; everyMs: number },
  signal: AbortSignal,
): Promise<void> {
  head(response, answer);
  for (let at = 0; at < answer.body.byteLength; at += bytes) {
    response.write(answer.body.subarray(at, at + bytes));
    await delay(everyMs, undefined, { signal });
  }
  response.end();
}

const chunkBytes = 256 * 1024;

/** The answer's own text with so many more records before the end of its first array. */
async function sendHuge(response: ServerResponse, { status, headers, body }: Answer, bytes: number): Promise<void> {
  response.writeHead(status, headers);
  const text = body.toString();
  const opened = text.indexOf("[") + 1;
  response.write(text.slice(0, opened));
  const rest = text.slice(opened);
  for (let sent = 0, n = 0; sent < bytes && !response.destroyed; ) {
    const chunk = hugeChunk(n);
    n += chunk.count;
    sent += chunk.text.length;
    const isLast = sent >= bytes && rest.startsWith("]");
    if (!response.write(isLast ? chunk.text.slice(0, -1) : chunk.text)) await drained(response);
  }
  response.end(rest);
}

/** Put together by hand: three million records would take the JSON writer longer than the network. */
function hugeChunk(from: number): { text: string; count: number } {
  let text = "";
  let n = from;
  for (; text.length < chunkBytes; n += 1) {
    text += `{"id":"huge-${String(n).padStart(9, "0")}","ts":"2026-01-01T00:00:00.000Z","value":${n % 1_000}},`;
  }
  return { text, count: n - from };
}

async function drained(response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  try {
    await Promise.race([
      once(response, "drain", { signal: gone.signal }),
      once(response, "close", { signal: gone.signal }),
    ]);
  } finally {
    gone.abort();
  }
}
