import { setTimeout as delay } from "node:timers/promises";
import { sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";

/*
 * An API that takes 200 ms for a page and has records without end, until `POST /end`; `GET /account` says what it gave. In a
 * container of its own.
 */

const latencyMs = 200;
const pageSize = 20;
/** By stream, how many records were given; and how many requests were the same as one before. */
const given = new Map<string, number>();
const seen = new Set<string>();
let repeated = 0;
let isOver = false;

await startLoopbackServer(
  (request, response) => {
    const url = new URL(request.url ?? "/", "http://api");
    if (url.pathname === "/account") {
      return sendJson(response, 200, JSON.stringify({ repeated, given: Object.fromEntries(given) }));
    }
    if (request.method === "POST") {
      isOver = true;
      return sendJson(response, 200, "{}");
    }
    void delay(latencyMs).then(() => sendJson(response, 200, page(url)));
  },
  { host: "0.0.0.0", port: 8080 },
);

function page({ pathname, search, searchParams }: URL): string {
  if (seen.has(`${pathname}${search}`)) repeated += 1;
  seen.add(`${pathname}${search}`);
  const after = searchParams.get("after");
  const from = after === null ? 0 : Number(after) + 1;
  const had = given.get(pathname) ?? 0;
  // Whatever was given once is given again.
  const count = Math.min(pageSize, isOver ? Math.max(0, had - from) : Infinity);
  given.set(pathname, Math.max(had, from + count));
  return JSON.stringify({ items: Array.from({ length: count }, (_, at) => record(from + at)) });
}

const record = (number: number) => ({ number, text: `record ${number}` });
