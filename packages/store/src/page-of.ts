import { batchOf, type NumberedRecord, recordsOf } from "@penstock/core/record";
import type { RowFormat } from "@penstock/core/row-format";
import { livePartition, type RunIdentity } from "@penstock/core/run";
import type { PageCommit } from "./store.ts";

type PageChange = Partial<PageCommit> & { keys?: string[]; value?: unknown; version?: string | null };

/** For tests on that database: makes page commits with good defaults, of records with these keys. */
export const pagesFor =
  (database: RowFormat) =>
  (run: RunIdentity, change: PageChange = {}): PageCommit => {
    const { keys = ["a", "b", "c"], value = 1, version = null, ...rest } = change;
    const seq = rest.seq ?? 0;
    const data = JSON.stringify({ value });
    return {
      run,
      seq,
      cursorIn: `c${seq}`,
      cursorOut: `c${seq + 1}`,
      isLast: false,
      endStatus: "succeeded",
      endCode: null,
      contentHash: `${seq} ${keys} ${data}`,
      validator: null,
      observedAt: new Date("2026-01-01T00:00:00.000Z"),
      fetched: keys.length + (rest.deadLettered ?? 0) + (rest.filtered ?? 0) + (rest.duplicate ?? 0),
      filtered: 0,
      records: batchOf(
        keys.map((key, input) => ({ key, ts: null, version, data, hash: data, input })),
        database,
      ),
      raw: async (input) => JSON.stringify({ input }),
      duplicate: 0,
      letters: [],
      traceId: null,
      deadLettered: 0,
      watermark: null,
      bound: { kind: "number", candidate: String(10 * (seq + 1)), moves: "page", lookbackMs: 0 },
      deadLetterBudget: { kind: "share", most: 0.5 },
      schemaVersion: "v1",
      writeMode: "merge",
      ...rest,
    };
  };

export const partition = { source: "s", stream: "t", partition: livePartition };

/** The page's records, each changed: for tests of single records. */
export function changedRecords(
  { records }: PageCommit,
  change: (record: NumberedRecord, i: number) => NumberedRecord,
): PageCommit["records"] {
  return batchOf(recordsOf(records).map(change), records.format);
}
