import type { NewLetter } from "@penstock/core/letter";
import { batchOf, type NumberedRecord, type RecordBatch, recordsOf, type WriteMode } from "@penstock/core/record";
import { type Connection, orRolledBack, RolledBack } from "./connection.ts";
import { isRefusedData, reasonOf } from "./errors.ts";
import { upsertRecords } from "./record-upsert.ts";
import type { PageCommit } from "./store.ts";

/** Records on their way into the table, and what the letters of those that do not get there are made of. */
type Batch = Pick<PageCommit, "raw" | "traceId"> & {
  source: string;
  stream: string;
  partition: string;
  runId: string;
  seq: number;
  observedAt: Date;
  schemaVersion: string;
  writeMode: WriteMode;
  records: RecordBatch;
};
type Refused = { record: NumberedRecord; error: unknown };

/**
 * The records without those whose data the database refuses, and a letter for each of these. They are found by halving the
 * batch, each half tried in a transaction that is rolled back: a few trials for one culprit among a thousand.
 */
export async function setAsideRefused(
  connection: Pick<Connection, "transact" | "dialect">,
  batch: Batch,
): Promise<{ records: RecordBatch; letters: NewLetter[] }> {
  const records = recordsOf(batch.records);
  const refused = await findRefused(connection, batch, records);
  const inputs = new Map(refused.map((each) => [each.record.input, each]));
  const letters = await Promise.all([...inputs.values()].map((each) => letterOf(batch, each)));
  return {
    records: batchOf(
      records.filter(({ input }) => !inputs.has(input)),
      connection.dialect.name,
    ),
    letters,
  };
}

async function findRefused(
  connection: Pick<Connection, "transact" | "dialect">,
  batch: Batch,
  records: NumberedRecord[],
): Promise<Refused[]> {
  const error = await tryRecords(connection, batch, records);
  if (error === undefined) return [];
  const [only] = records;
  if (records.length === 1 && only !== undefined) return [{ record: only, error }];
  const middle = Math.ceil(records.length / 2);
  const first = await findRefused(connection, batch, records.slice(0, middle));
  return [...first, ...(await findRefused(connection, batch, records.slice(middle)))];
}

async function tryRecords(
  { transact, dialect }: Pick<Connection, "transact" | "dialect">,
  batch: Batch,
  records: NumberedRecord[],
): Promise<unknown> {
  const trial = transact(async (tx): Promise<undefined> => {
    await upsertRecords(tx, dialect, batch, batchOf(records, dialect.name));
    throw new RolledBack();
  });
  try {
    return await orRolledBack(trial);
  } catch (error) {
    if (isRefusedData(error)) return error;
    throw error;
  }
}

async function letterOf(batch: Batch, { record, error }: Refused): Promise<NewLetter> {
  const { source, stream, partition, runId, seq, observedAt, traceId } = batch;
  return {
    source,
    stream,
    partition,
    runId,
    seq,
    observedAt,
    traceId,
    stage: "transform",
    kind: "record",
    key: record.key,
    path: null,
    payload: await batch.raw(record.input),
    code: "RECORD_REFUSED",
    message: `the database refuses record ${record.key}: ${reasonOf(error)}`,
  };
}
