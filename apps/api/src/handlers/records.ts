import { Readable } from "node:stream";
import { ConfigError } from "@penstock/core/errors";
import type { RecordPage, RecordQuery } from "@penstock/store/queries/queries";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import { placeAt, placeText, readCursor, writeCursor } from "../cursor.ts";
import type { Call, Handler, Handlers } from "../handler.ts";
import { iso, isoOrNull, presentLetter } from "../present.ts";
import { conditionOf } from "./conditions.ts";
import { csvLine } from "./csv.ts";

type RecordCall = Call<"listRecords">;

/** Records that an export reads at once: more would hold up everything else in the process. */
const exportBatch = 1_000;

const place = z.object({
  source: placeText,
  stream: placeText,
  key: placeText,
  ts: placeAt.transform(iso).nullable(),
});

const listRecords: Handler<"listRecords"> = async (call) => {
  const query = recordQuery(call);
  const form = formOf(call);
  if (form === "application/x-ndjson") return streamed(call.reply, form, lines(call, query));
  if (form === "text/csv") return streamed(call.reply, form, csvLines(call, query));
  const page = await call.api.pipeline.store.queries.records(query);
  const next = page.records.length < query.limit || page.last === undefined ? null : writeCursor(page.last);
  return call.reply.type("application/json; charset=utf-8").send(pageOf(page.records, { next }));
};

/** The items as they are, and what else the page has. */
function pageOf(items: readonly string[], rest: object): Buffer {
  const end = JSON.stringify(rest).slice(1);
  return Buffer.concat([Buffer.from('{"items":['), bytesOf(items, ","), Buffer.from(`],${end}`)]);
}

/** Text by text: V8 would copy them into a long one, and that again for each that reads it. */
function bytesOf(texts: readonly string[], between: string): Buffer {
  return Buffer.concat(texts.map((text, i) => Buffer.from(i === 0 ? text : `${between}${text}`)));
}

/** @throws ConfigError `REQUEST_INVALID` for what cannot be asked for together */
function recordQuery({ query }: RecordCall): RecordQuery {
  const { source, stream, key, from, to, where, fields, deleted, order, after, limit } = query;
  const needs = order === "key" ? undefined : "order by event time is within one stream";
  if ((stream !== undefined || needs !== undefined) && source === undefined) throw incomplete("source", needs);
  if (needs !== undefined && stream === undefined) throw incomplete("stream", needs);
  const position = readCursor(place, after);
  if (position !== undefined && order !== "key" && position.ts === null) throw incomplete("after", "another order's");
  const isElsewhere =
    (source !== undefined && position?.source !== source) || (stream !== undefined && position?.stream !== stream);
  if (position !== undefined && isElsewhere) throw incomplete("after", "another stream's");
  return {
    ...(source !== undefined && { source }),
    ...(stream !== undefined && { stream }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(fields !== undefined && { fields: fields.map((field) => field.split(".")) }),
    ...(position !== undefined && { after: position }),
    keys: key,
    conditions: where.map(conditionOf),
    isDeleted: deleted === true,
    order,
    limit,
  };
}

function incomplete(path: string, why = "a stream is found by its source"): ConfigError {
  return new ConfigError("REQUEST_INVALID", `${path}: ${why}`, { path });
}

function formOf({ request }: RecordCall): "json" | "application/x-ndjson" | "text/csv" {
  const accept = request.headers.accept ?? "";
  if (accept.includes("application/x-ndjson")) return "application/x-ndjson";
  return accept.includes("text/csv") ? "text/csv" : "json";
}

function streamed(reply: FastifyReply, form: string, parts: AsyncIterable<string | Buffer>): FastifyReply {
  return reply.type(`${form}; charset=utf-8`).send(Readable.from(parts, { objectMode: false, highWaterMark: 1 << 18 }));
}

/** Batch by batch, each behind the last of the one before. Two are held, however many there are: one is read while one is sent. */
async function* batches({ api }: RecordCall, query: RecordQuery): AsyncGenerator<RecordPage> {
  const { records } = api.pipeline.store.queries;
  let reading: Promise<RecordPage> | undefined = records({ ...query, limit: exportBatch });
  while (reading !== undefined) {
    const page: RecordPage = await reading;
    const { last: after, records: read } = page;
    reading = after && read.length === exportBatch ? records({ ...query, after, limit: exportBatch }) : undefined;
    // Who stops reading does not wait for it.
    reading?.catch(() => undefined);
    if (read.length > 0) yield page;
  }
}

async function* lines(call: RecordCall, query: RecordQuery): AsyncGenerator<Buffer> {
  for await (const { records } of batches(call, query)) yield bytesOf([...records, ""], "\n");
}

const fixedColumns = ["source", "stream", "key", "ts", "revision", "updatedAt", "deletedAt"] as const;
type CsvRecord = { [column in (typeof fixedColumns)[number]]: unknown } & { data: { [field: string]: unknown } };

async function* csvLines(call: RecordCall, query: RecordQuery): AsyncGenerator<string> {
  const fields = dataColumns(call);
  yield csvLine([...fixedColumns, ...(fields ?? ["data"])]);
  for await (const page of batches(call, query)) {
    const records: CsvRecord[] = page.records.map((record) => JSON.parse(record));
    const rows = records.map((record) => {
      const values = fields === undefined ? [record.data] : fields.map((field) => record.data[field]);
      return csvLine([...fixedColumns.map((column) => record[column]), ...values]);
    });
    yield rows.join("");
  }
}

/** The fields asked for, or those of the stream's schema; else the data is one column of JSON. */
function dataColumns({ query, api }: RecordCall): string[] | undefined {
  if (query.fields !== undefined) return query.fields;
  const { source = "", stream = "" } = query;
  const definition = api.pipeline.sources.get(source)?.streams[stream];
  return definition && Object.keys(definition.output.shape);
}

const getRecord: Handler<"getRecord"> = async ({ params, api }) => {
  const found = await api.pipeline.store.queries.record(params);
  if (found === undefined)
    throw new ConfigError("ADDRESS_UNKNOWN", `${params.source}.${params.stream} has no record of this key`);
  const { run, pageCommittedAt, letters, data, ...record } = found;
  const { source, stream, key, version, hash, runId, seq, schemaVersion, revision } = record;
  return {
    ...{ source, stream, key, version, hash, runId, seq, schemaVersion, revision },
    // What is stored passed the stream's schema, which describes an object.
    data: data as { [field: string]: never },
    ts: isoOrNull(record.ts),
    observedAt: iso(record.observedAt),
    firstSeenAt: iso(record.firstSeenAt),
    updatedAt: iso(record.updatedAt),
    deletedAt: isoOrNull(record.deletedAt),
    lineage: {
      runId,
      seq,
      runStatus: run?.status ?? null,
      runStartedAt: isoOrNull(run?.startedAt),
      pageCommittedAt: isoOrNull(pageCommittedAt),
      schemaVersion,
    },
    history: historyOf(found, revision),
    letters: letters.map(presentLetter),
  };
};

type Found = NonNullable<Awaited<ReturnType<Call<"getRecord">["api"]["pipeline"]["store"]["queries"]["record"]>>>;
type HistoryItem = { at: string; kind: "first-seen" | "changed" | "deleted" | "dead-lettered" };

/** What is still known to have happened to a record, oldest first. */
function historyOf(found: Found, revision: number) {
  const { runId, seq } = found;
  const nothing = { runId: null, seq: null, letterId: null };
  const first: HistoryItem = { at: iso(found.firstSeenAt), kind: "first-seen" };
  const changed: HistoryItem = { at: iso(found.updatedAt), kind: "changed" };
  const events = [
    { ...nothing, ...first, ...(revision === 1 && { runId, seq }) },
    ...(revision > 1 ? [{ ...nothing, ...changed, runId, seq }] : []),
    ...(found.deletedAt === null ? [] : [{ ...nothing, at: iso(found.deletedAt), kind: "deleted" as const }]),
    ...found.letters.map((letter) => ({
      at: iso(letter.firstSeenAt),
      kind: "dead-lettered" as const,
      runId: letter.runId,
      seq: letter.seq,
      letterId: letter.id,
    })),
  ];
  return events.sort((a, b) => (a.at < b.at ? -1 : 1));
}

const changePlace = z.object({
  change: z.string().regex(/^\d{1,18}$/),
  record: z.object({ source: placeText, stream: placeText, key: placeText }).optional(),
});

const listChanges: Handler<"listChanges"> = async ({ query, api, reply }) => {
  const { source, stream, start, limit } = query;
  const given = readCursor(changePlace, query.after);
  const place = given && { change: given.change, ...(given.record && { record: given.record }) };
  const after = place ?? (start === "now" ? ("now" as const) : undefined);
  const page = await api.pipeline.store.queries.changes({
    ...(source !== undefined && { source }),
    ...(stream !== undefined && { stream }),
    ...(after !== undefined && { after }),
    limit,
  });
  const { changes, next, isCaughtUp } = page;
  return reply.type("application/json; charset=utf-8").send(pageOf(changes, { next: writeCursor(next), isCaughtUp }));
};

export const recordHandlers = { listRecords, getRecord, listChanges } satisfies Partial<Handlers>;
