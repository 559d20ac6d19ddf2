import type { NewLetter } from "@penstock/core/letter";
import { batchOf, type NumberedRecord, recordsOf } from "@penstock/core/record";
import { type Connection, orRolledBack, RolledBack } from "./connection.ts";
import { isRefusedData, reasonOf } from "./errors.ts";
import { upsertRecords } from "./record-upsert.ts";
import type { PageCommit } from "./store.ts";

type Refused = { record: NumberedRecord; error: unknown };

/**
 * The page without the records whose data the database refuses, each of them as a letter. They are found by halving the
 * batch, each half tried in a transaction that is rolled back: a few trials for one culprit among a thousand.
 */
export async function setAsideRefused(
  connection: Pick<Connection, "transact" | "dialect">,
  page: PageCommit,
): Promise<PageCommit> {
  const records = recordsOf(page.records);
  const refused = await findRefused(connection, page, records);
  const inputs = new Map(refused.map((each) => [each.record.input, each]));
  const letters = await Promise.all([...inputs.values()].map((each) => letterOf(page, each)));
  return {
    ...page,
    records: batchOf(records.filter(({ input }) => !inputs.has(input))),
    letters: [...page.letters, ...letters],
    deadLettered: page.deadLettered + letters.length,
  };
}

async function findRefused(
  connection: Pick<Connection, "transact" | "dialect">,
  page: PageCommit,
  records: NumberedRecord[],
): Promise<Refused[]> {
  const error = await tryRecords(connection, page, records);
  if (error === undefined) return [];
  const [only] = records;
  if (records.length === 1 && only !== undefined) return [{ record: only, error }];
  const middle = Math.ceil(records.length / 2);
  const first = await findRefused(connection, page, records.slice(0, middle));
  return [...first, ...(await findRefused(connection, page, records.slice(middle)))];
}

async function tryRecords(
  { transact, dialect }: Pick<Connection, "transact" | "dialect">,
  page: PageCommit,
  records: NumberedRecord[],
): Promise<unknown> {
  const { run, seq, observedAt, schemaVersion, writeMode } = page;
  const origin = { ...run, seq, observedAt, schemaVersion, writeMode, replacesWhileRunning: true } as const;
  const trial = transact(async (tx): Promise<undefined> => {
    await upsertRecords(tx, dialect, origin, batchOf(records));
    throw new RolledBack();
  });
  try {
    return await orRolledBack(trial);
  } catch (error) {
    if (isRefusedData(error)) return error;
    throw error;
  }
}

async function letterOf(page: PageCommit, { record, error }: Refused): Promise<NewLetter> {
  const { source, stream, partition, runId } = page.run;
  return {
    source,
    stream,
    partition,
    runId,
    seq: page.seq,
    observedAt: page.observedAt,
    traceId: page.traceId,
    stage: "transform",
    kind: "record",
    key: record.key,
    path: null,
    payload: await page.raw(record.input),
    code: "RECORD_REFUSED",
    message: `the database refuses record ${record.key}: ${reasonOf(error)}`,
  };
}
