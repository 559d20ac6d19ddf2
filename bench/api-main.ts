import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";

/*
 * The API that every contender pulls from: `GET /<n>/data?limit=&since=` gives those of the first n records that are later than `since`, oldest
 * first. It is a process of its own and has all records as text before the first request, so that it takes little of the
 * processors. `GET /first` says when the first page was asked for, in ms since 1970; `POST /forget` forgets that.
 */

const { values } = parseArgs({
  options: {
    records: { type: "string", default: "100000" },
    bytes: { type: "string", default: "200" },
    latency: { type: "string", default: "0" },
  },
});
const [total, bytes, latencyMs] = [Number(values.records), Number(values.bytes), Number(values.latency)];
const firstAt = Date.UTC(2026, 0, 1);
const stepMs = 250;
const words = "pressure gate turbine river intake flow level dam sluice channel head weir".split(" ");

let seed = 1;
/** The linear congruential generator of Numerical Recipes: always the same text. */
const draw = () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed;
};

function filler(length: number): string {
  let text = "";
  while (text.length < length) text += `${words[draw() % words.length]} ${draw() % 1_000} `;
  return text.slice(0, length);
}

function record(number: number): string {
  const head = `{"id":"rec-${String(number).padStart(8, "0")}","ts":"${new Date(firstAt + number * stepMs).toISOString()}","value":${((number * 7_919) % 10_000) / 10},"meta":{"note":"`;
  return `${head}${filler(Math.max(0, bytes - head.length - 3))}"}}`;
}

/** As many in one text as a text holds. */
const chunk = 100_000;
const starts = new Float64Array(total + 1);
const chunks: Buffer[] = [];
for (let from = 0; from < total; from += chunk) {
  const texts = Array.from({ length: Math.min(chunk, total - from) }, (_, i) => record(from + i));
  for (const [i, text] of texts.entries()) starts[from + i + 1] = (starts[from + i] ?? 0) + text.length + 1;
  chunks.push(Buffer.from(`${texts.join(",")},`));
}

/** With commas between them, and in pieces where they are of several chunks. */
function recordsText(from: number, to: number): Buffer[] {
  const [begin = 0, end = 0] = [starts[from], (starts[to] ?? 0) - 1];
  const own = chunks.slice(Math.floor(from / chunk), Math.ceil(to / chunk));
  return own.map((text, i) => {
    const at = starts[(Math.floor(from / chunk) + i) * chunk] ?? 0;
    return text.subarray(Math.max(0, begin - at), end - at);
  });
}

let first: number | null = null;

const server = await startLoopbackServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://loopback");
  if (pathname === "/first") return sendJson(response, 200, JSON.stringify({ first }));
  if (pathname === "/forget") {
    first = null;
    return sendJson(response, 200, "{}");
  }
  first ??= Date.now();
  const since = searchParams.get("since");
  const from = since === null ? 0 : Math.max(0, Math.floor((Date.parse(since) - firstAt) / stepMs) + 1);
  const to = Math.min(total, Number(pathname.split("/")[1]), from + Number(searchParams.get("limit") ?? 100));
  const pieces = from < to ? recordsText(from, to) : [];
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const answer = () => {
    response.writeHead(200, { "content-type": "application/json", "content-length": bytes + 12 });
    response.write('{"items":[');
    for (const piece of pieces) response.write(piece);
    response.end("]}");
  };
  if (latencyMs === 0) answer();
  else void delay(latencyMs).then(answer);
});
process.stdout.write(`${server.url}\n`);
