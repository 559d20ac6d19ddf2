import type { JsonObject, JsonValue } from "@penstock/core/json";
import { instantMs, instantOf } from "../instant.ts";
import type { PageSeen, Paginator } from "../paginator.ts";

/** A record of a simulated collection. */
export type SimulatedRecord = { id: string; ts: JsonValue };

/** What tests of paginators walk through: answers a query with records, as an API would. */
export type Collection = (query: Record<string, string>) => SimulatedRecord[];

export type Walk = { seen: Set<string>; pages: number; positions: JsonObject[]; end: string };

const tooManyPages = 5_000;

/** Follows a paginator to the end; `end` is `end`, or the code it stopped with. */
export function walk(paginator: Paginator, collection: Collection, bound: string | null = null): Walk {
  const result: Walk = { seen: new Set(), pages: 0, positions: [], end: "" };
  for (let position = paginator.start(bound); result.end === ""; ) {
    if (result.pages++ === tooManyPages) throw new Error("the paginator does not come to an end");
    result.positions.push(position);
    const items = collection(paginator.request(position).query ?? {});
    for (const { id } of items) result.seen.add(id);
    const next = paginator.next(position, pageOf(items));
    if (next.kind === "next") position = next.position;
    else result.end = next.kind === "end" ? "end" : next.code;
  }
  return result;
}

export function pageOf(items: SimulatedRecord[]): PageSeen {
  return {
    items,
    cursors: items.map(({ ts }) => instantOf(ts)),
    rawCursors: items.map(({ ts }) => ts),
    keys: items.map(({ id }) => id),
    body: undefined,
    headers: {},
    url: "",
  };
}

export type KeysetServer = {
  since: "inclusive" | "exclusive";
  /** Largest page, whatever is asked for. */
  cap?: number;
};

/** A collection sorted by `ts` that answers `limit` and `since`. */
export function keysetCollection(
  records: SimulatedRecord[],
  { since: kind, cap = Number.POSITIVE_INFINITY }: KeysetServer,
): Collection {
  const sorted = records.map((record) => ({ record, at: instantMs(record.ts) ?? 0 })).sort((a, b) => a.at - b.at);
  return ({ limit, since }) => {
    const from = since === undefined ? Number.NEGATIVE_INFINITY : parseSince(since);
    const matching = sorted.filter(({ at }) => (kind === "inclusive" ? at >= from : at > from));
    return matching.slice(0, Math.min(Number(limit), cap)).map(({ record }) => record);
  };
}

function parseSince(text: string): number {
  const at = instantMs(/^[\d.]+$/.test(text) ? Number(text) : text);
  if (at === null) throw new Error(`since is no time: ${text}`);
  return at;
}
