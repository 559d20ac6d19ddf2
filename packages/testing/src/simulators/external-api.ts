import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { type LoopbackServer, sendJson, startLoopbackServer } from "./loopback-server.ts";

export type ExternalRecord = { id: string; ts: string; value: number; meta?: unknown };

export type ExternalApiOptions = {
  /** How many to generate, or the records themselves in any order. */
  records: number | ExternalRecord[];
  /** Of the generated records, `count` from the `from`-th on share one timestamp. */
  sameTimestamp?: { from: number; count: number };
  /** Whether records of exactly `since` are given; default `exclusive`. */
  since?: "inclusive" | "exclusive";
  /** The largest page there is, whatever `limit` says. */
  cap?: number;
  /** Requires `Authorization: Bearer <token>`. */
  token?: string;
  /** What to answer instead, by number of the request from 0 on; `undefined` answers as usual. */
  fault?: (request: number) => Fault | undefined;
  /** How long to let a request wait for its answer, by its number; 0 for not at all. */
  slowness?: (request: number) => number;
  port?: number;
};

export type Fault = { status: number; headers?: Record<string, string>; body?: string };

/** A request as it came: what a test wants to know about paging. */
export type SeenRequest = { limit: string | null; since: string | null; status: number; given: number };

export type ExternalApi = LoopbackServer & {
  /** Sorted as the API gives them. Change it only by `add`. */
  readonly records: readonly ExternalRecord[];
  readonly requests: readonly SeenRequest[];
  add(records: ExternalRecord[]): void;
};

const defaultLimit = 100;

/** Serves `GET /data?limit=&since=` as the original API does: records later than `since`, oldest first, `limit` at most. */
export async function startExternalApi(options: ExternalApiOptions): Promise<ExternalApi> {
  const { records: wanted, since = "exclusive", cap = Number.POSITIVE_INFINITY, token, fault, slowness } = options;
  const records = typeof wanted === "number" ? generateRecords(wanted, options.sameTimestamp) : [...wanted];
  let index = sortByTime(records);
  const requests: SeenRequest[] = [];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://loopback");
    const seen: SeenRequest = {
      limit: url.searchParams.get("limit"),
      since: url.searchParams.get("since"),
      status: 200,
      given: 0,
    };
    const number = requests.push(seen) - 1;
    const slowMs = slowness?.(number) ?? 0;
    if (slowMs > 0) await delay(slowMs, undefined, { ref: false });
    const refusal = fault?.(number) ?? refuse(request, url, token);
    if (refusal !== undefined) {
      seen.status = refusal.status;
      sendJson(response, refusal.status, refusal.body ?? JSON.stringify({ error: refusal.status }), refusal.headers);
      return;
    }
    const from = seen.since === null ? 0 : firstAfter(index, Date.parse(seen.since), since);
    const items = records.slice(from, from + Math.min(Number(seen.limit ?? defaultLimit), cap));
    seen.given = items.length;
    sendJson(response, 200, JSON.stringify({ items }));
  }

  function add(more: ExternalRecord[]): void {
    records.push(...more);
    index = sortByTime(records);
  }

  const server = await startLoopbackServer((request, response) => void answer(request, response), options);
  return { ...server, records, requests, add };
}

function refuse(request: IncomingMessage, url: URL, token: string | undefined): Fault | undefined {
  if (url.pathname !== "/data") return { status: 404 };
  if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) return { status: 401 };
  const limit = Number(url.searchParams.get("limit") ?? defaultLimit);
  const since = url.searchParams.get("since");
  const isWrong = !Number.isInteger(limit) || limit < 1 || (since !== null && Number.isNaN(Date.parse(since)));
  return isWrong ? { status: 400, body: JSON.stringify({ error: "limit or since is wrong" }) } : undefined;
}

/** Sorts in place and returns the times, in milliseconds, in the same order. */
function sortByTime(records: ExternalRecord[]): number[] {
  const timed = records.map((record) => ({ record, at: Date.parse(record.ts) })).sort((a, b) => a.at - b.at);
  timed.forEach(({ record }, i) => {
    records[i] = record;
  });
  return timed.map(({ at }) => at);
}

/** Binary search: the first index whose time is after `since`, or not before it. */
function firstAfter(times: number[], since: number, kind: "inclusive" | "exclusive"): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const time = times[middle] ?? Number.POSITIVE_INFINITY;
    const isBefore = kind === "inclusive" ? time < since : time <= since;
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  return low;
}

const firstAt = Date.UTC(2026, 0, 1);
const stepMs = 250;

/** Always the same records for the same number: one every 250 ms, values with one decimal, every third with a `meta`. */
export function generateRecords(count: number, sameTimestamp?: { from: number; count: number }): ExternalRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const isShared =
      sameTimestamp !== undefined && i >= sameTimestamp.from && i < sameTimestamp.from + sameTimestamp.count;
    const at = firstAt + (isShared ? sameTimestamp.from : i) * stepMs;
    const record = {
      id: `rec-${String(i).padStart(7, "0")}`,
      ts: new Date(at).toISOString(),
      value: ((i * 7919) % 10_000) / 10,
    };
    return i % 3 === 0
      ? { ...record, meta: { region: ["north", "east", "south", "west"][i % 4], batch: Math.floor(i / 500) } }
      : record;
  });
}
