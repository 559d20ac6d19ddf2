import { parseArgs } from "node:util";
import { sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { createRandom } from "./random.ts";

/*
 * An API of any number of records that holds none of them, and fails now and then: a process of its own for soak-main.ts. Its
 * first line of output is its address.
 */

const { values } = parseArgs({ options: { records: { type: "string", default: "0" } } });
const total = Number(values.records);
const badOneIn = 5_000;
const firstAt = Date.UTC(2026, 0, 1);
const stepMs = 10;
const random = createRandom(1);

const recordAt = (number: number) => ({
  id: `r${String(number).padStart(9, "0")}`,
  ts: new Date(firstAt + number * stepMs).toISOString(),
  value: number % badOneIn === badOneIn - 1 ? "not a number" : number,
});

const server = await startLoopbackServer((request, response) => {
  if (random.chance(0.02)) return sendJson(response, 503, '{"error":"unavailable"}');
  if (random.chance(0.005)) return sendJson(response, 429, '{"error":"slowly"}', { "retry-after": "0" });
  if (random.chance(0.005)) return void request.socket.destroy();
  const { searchParams } = new URL(request.url ?? "/", "http://loopback");
  const since = searchParams.get("since");
  const from = since === null ? 0 : Math.floor((Date.parse(since) - firstAt) / stepMs) + 1;
  const count = Math.max(0, Math.min(Number(searchParams.get("limit")), total - from));
  sendJson(response, 200, JSON.stringify({ items: Array.from({ length: count }, (_, i) => recordAt(from + i)) }));
});
process.stdout.write(`${server.url}\n`);
