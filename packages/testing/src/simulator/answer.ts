import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Fault } from "./faults.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { randomAt } from "./seeded-random.ts";

/** A whole response, before anything happens to it on the wire. */
export type Answer = { status: number; headers: Record<string, string>; body: Buffer };

export type Encoding = "gzip" | "zstd";

export function jsonAnswer(status: number, value: JsonValue, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}

/** The records at a dotted path of the body, `""` for a body that is the array itself. */
export function pageBody(recordsAt: string, records: readonly JsonValue[], extra: JsonObject): JsonValue {
  if (recordsAt === "") return [...records];
  const [first = "", ...rest] = recordsAt.split(".");
  const inner = rest.length === 0 ? [...records] : pageBody(rest.join("."), records, {});
  return { ...extra, [first]: inner };
}

/** What a fault does to the records of a page. */
export function faultyRecords(records: readonly JsonObject[], fault: Fault | undefined, seed: number): JsonValue[] {
  switch (fault?.kind) {
    case "empty":
      return [];
    case "duplicates":
      return records.flatMap((record) => [record, record]);
    case "shuffled":
      return records
        .map((record, i) => ({ record, rank: randomAt(seed, i, "shuffle") }))
        .sort((a, b) => a.rank - b.rank)
        .map(({ record }) => record);
    case "schema-drift":
      return records.map((record) => ({ ...record, value: `${String(record["value"])} units`, added_field: true }));
    case "null-record":
      return [null, ...records];
    default:
      return [...records];
  }
}

/** What a fault does to the text of an answer. */
export function faultyBody(answer: Answer, fault: Fault | undefined): Answer {
  if (fault?.kind === "malformed") return { ...answer, body: answer.body.subarray(0, answer.body.byteLength >> 1) };
  if (fault?.kind !== "wrong-type") return answer;
  const html = "<!doctype html><title>Maintenance</title><p>Back soon.";
  return { status: 200, headers: { "content-type": "text/html" }, body: Buffer.from(html) };
}

/** Compressed, where the client takes it. */
export function encoded(answer: Answer, encoding: Encoding | undefined, accepted: string | undefined): Answer {
  const isTaken = encoding !== undefined && (accepted ?? "").split(/[\s,;]+/).includes(encoding);
  if (!isTaken) return answer;
  const body = encoding === "gzip" ? gzipSync(answer.body) : zstdCompressSync(answer.body);
  return { ...answer, headers: { ...answer.headers, "content-encoding": encoding }, body };
}

/** With an entity tag, and 304 without a body for who has it already (RFC 9110 §13.1.2). */
export function conditional(answer: Answer, ifNoneMatch: string | undefined): Answer {
  const etag = `"${createHash("sha256").update(answer.body).digest("base64url").slice(0, 16)}"`;
  const headers = { ...answer.headers, etag };
  return ifNoneMatch === etag ? { status: 304, headers, body: Buffer.alloc(0) } : { ...answer, headers };
}
