import { setTimeout as delay } from "node:timers/promises";
import { openStore } from "@penstock/store/open-store";
import { sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { waitUntil } from "@penstock/testing/wait-until";
import { migrationsRoot } from "../place.ts";

/** From the moment at which a record is there to be asked for to that in which its row is written, in ms. */
export type Latency = { every: "1s" | "5s"; records: number; p50: number; p99: number; most: number };

const appearsEveryMs = 100;

export type AppearingApi = AsyncDisposable & { url: string; count(): number; stop(): void };

/** An API that has one record more every 100 ms. */
export async function startAppearingApi(): Promise<AppearingApi> {
  const records: { id: number; at: string }[] = [];
  const timer = setInterval(() => {
    records.push({ id: records.length, at: new Date().toISOString() });
  }, appearsEveryMs);
  const server = await startLoopbackServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "/", "http://loopback");
    const since = searchParams.get("since");
    const later = records.filter(({ at }) => since === null || at > since);
    sendJson(response, 200, JSON.stringify({ items: later.slice(0, Number(searchParams.get("limit"))) }));
  });
  const stop = () => clearInterval(timer);
  return {
    url: server.url,
    count: () => records.length,
    stop,
    [Symbol.asyncDispose]: async () => {
      stop();
      await server.close();
    },
  };
}

/** Lets records appear for `seconds` after the first was stored, and looks when each was. */
export async function latencyOf(
  every: Latency["every"],
  { api, databaseUrl, seconds }: { api: AppearingApi; databaseUrl: string; seconds: number },
): Promise<Latency> {
  const store = await openStore({ url: databaseUrl, migrationsRoot });
  try {
    const stored = async () => Number((await store.queryView("SELECT COUNT(*) AS n FROM records"))[0]?.["n"] ?? 0);
    const warm = await waitUntil(stored, { what: "the first record", timeoutMs: 60_000, intervalMs: 200 });
    await delay(seconds * 1_000);
    api.stop();
    await waitUntil(async () => (await stored()) === api.count(), {
      what: "the last record",
      timeoutMs: 60_000,
      intervalMs: 200,
    });
    // Those that were there before the first run waited for the start of the program.
    const rows = await store.queryView("SELECT key, ts, first_seen_at FROM records");
    const ages = rows
      .filter((row) => Number(row["key"]) >= warm)
      .map((row) => Date.parse(String(row["first_seen_at"])) - Date.parse(String(row["ts"])))
      .sort((a, b) => a - b);
    const at = (share: number) => ages[Math.min(ages.length - 1, Math.floor(share * ages.length))] ?? Number.NaN;
    return { every, records: ages.length, p50: at(0.5), p99: at(0.99), most: at(1) };
  } finally {
    await store.close();
  }
}
