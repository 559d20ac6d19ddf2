import type { Store } from "@penstock/store/store";
import type { ExternalRecord } from "@penstock/testing/simulators/external-api";
import { isBadRecord } from "./api.ts";

/*
 * What must hold of the database. Each returns what is wrong, as text; nothing when all is well.
 */

const stream = { source: "chaos", stream: "items" };
const outcomes = ["fetched", "inserted", "updated", "unchanged", "duplicate", "filtered", "dead_lettered"] as const;

/** What is wrong that may not be wrong at any moment. */
export async function alwaysWrong(store: Store, records: readonly ExternalRecord[]): Promise<string[]> {
  return [...(await lostBehindBound(store, records)), ...(await wrongAccounts(store))];
}

/** At any moment: of what lies behind the bound, every record is stored or has a letter. */
async function lostBehindBound(store: Store, records: readonly ExternalRecord[]): Promise<string[]> {
  const bound = (await store.checkpoint(stream.source, stream.stream, "live"))?.bound ?? null;
  if (bound === null) return [];
  const known = new Set([...(await storedKeys(store)), ...(await letterKeys(store))]);
  return records
    .filter(({ id, ts }) => ts <= bound && !known.has(id))
    .map(({ id }) => `${id} lies behind the bound ${bound} and is neither stored nor a letter`);
}

/** At any moment: accounts add up by page and by run, and one run is live at most. */
async function wrongAccounts(store: Store): Promise<string[]> {
  const sums = outcomes.map((name) => `COALESCE(SUM(p.${name}), 0)`);
  const parts = outcomes.slice(1).map((name) => `p.${name}`);
  const checks = {
    "pages whose account does not add up": `SELECT p.run_id || '/' || p.seq AS what FROM pages p WHERE p.fetched <> ${parts.join(" + ")}`,
    "runs whose account is not the sum of their pages": `SELECT r.id AS what FROM runs r LEFT JOIN pages p ON p.run_id = r.id GROUP BY r.id, r.pages, ${outcomes.map((name) => `r.${name}`).join(", ")}
       HAVING r.pages <> COUNT(p.run_id) OR ${outcomes.map((name, i) => `r.${name} <> ${sums[i]}`).join(" OR ")}`,
    "partitions with several live runs": `SELECT source AS what FROM runs WHERE status = 'running' GROUP BY source, stream, partition HAVING COUNT(*) > 1`,
    "records written more than once": `SELECT key AS what FROM records WHERE revision <> 1`,
  };
  const found: string[] = [];
  for (const [what, sql] of Object.entries(checks)) {
    const rows = await store.queryView(sql);
    if (rows.length > 0) found.push(`${what}: ${rows.map((row) => String(row["what"])).slice(0, 5)}`);
  }
  return found;
}

/** At the end: the table is the API's, each bad record has one open letter, and the bound is where the API ends. */
export async function differences(store: Store, records: readonly ExternalRecord[]): Promise<string[]> {
  const good = records.filter((record) => !isBadRecord(record));
  const bad = records.filter(isBadRecord).map(({ id }) => id);
  const bound = (await store.checkpoint(stream.source, stream.stream, "live"))?.bound ?? null;
  const inserted = await single(store, "SELECT COALESCE(SUM(inserted), 0) AS what FROM pages");
  const last = good.at(-1)?.ts ?? null;
  return [
    ...compared("records", await storedRows(store), good.map(rowOf)),
    ...compared("open letters", await letterKeys(store, "open"), bad),
    ...(bound === last ? [] : [`the bound is ${bound}, expected ${last}`]),
    ...(inserted <= good.length ? [] : [`${inserted} records were counted as inserted, there are ${good.length}`]),
  ];
}

const rowOf = ({ id, ts, value }: ExternalRecord): string => JSON.stringify([id, ts, value]);

async function storedRows(store: Store): Promise<string[]> {
  const rows = await store.queryView("SELECT key, data FROM records ORDER BY key");
  return rows.map(({ key, data }) => {
    const { id, ts, value } = typeof data === "string" ? JSON.parse(data) : Object(data);
    return id === key ? JSON.stringify([id, ts, value]) : `${key} holds the record ${id}`;
  });
}

async function storedKeys(store: Store): Promise<string[]> {
  return (await store.queryView("SELECT key FROM records")).map(({ key }) => String(key));
}

/** Keys of letters; of those for a page or a request, what they are, so that they show up where none is expected. */
async function letterKeys(store: Store, status?: "open"): Promise<string[]> {
  const letters = await store.listLetters({ limit: 10_000, ...(status !== undefined && { status }) });
  return letters.map((letter) => (letter.kind === "record" ? String(letter.key) : `${letter.kind} ${letter.code}`));
}

async function single(store: Store, sql: string): Promise<number> {
  return Number((await store.queryView(sql))[0]?.["what"]);
}

function compared(what: string, found: string[], expected: string[]): string[] {
  const foundCounts = counts(found);
  const expectedCounts = counts(expected);
  const missing = [...expectedCounts].filter(([text, n]) => (foundCounts.get(text) ?? 0) < n).map(([text]) => text);
  const extra = [...foundCounts].filter(([text, n]) => (expectedCounts.get(text) ?? 0) < n).map(([text]) => text);
  return [
    ...(missing.length > 0 ? [`${missing.length} ${what} missing: ${missing.slice(0, 5)}`] : []),
    ...(extra.length > 0 ? [`${extra.length} ${what} too many: ${extra.slice(0, 5)}`] : []),
  ];
}

function counts(texts: string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const text of texts) found.set(text, (found.get(text) ?? 0) + 1);
  return found;
}
