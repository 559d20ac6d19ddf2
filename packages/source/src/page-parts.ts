import { PermanentError } from "@penstock/core/errors";
import type { JsonValue } from "@penstock/core/json";
import type { Stream } from "./model.ts";
import { noteRecord, type SeenRecords } from "./seen-records.ts";

/** Takes the records of one part of a large response, in order. */
export type OnPart = (items: JsonValue[]) => Promise<void>;

const partRecords = 1_000;
const partBytes = 1024 * 1024;
/** What paginators are told of each record stays in memory. */
const maxSeenRecords = 1_000_000;

export type PageParts = {
  add(record: JsonValue): void;
  /** Hands the part over if it is big enough; `sizeBytes` of the text were read by now. */
  handOver(sizeBytes: number): Promise<void>;
  /** Hands the rest over. Of the records themselves, only those of the last part are still there; `null` stands for the others. */
  end(): Promise<SeenRecords>;
};

/** Collects the records of a large response into parts. */
export function createPageParts(stream: Stream, onPart: OnPart): PageParts {
  const seen: SeenRecords = { items: [], cursors: [], rawCursors: [], keys: [] };
  const isToldOfRecords = stream.paginator.kind !== "none";
  let part: JsonValue[] = [];
  let handedOver = 0;
  let partFrom = 0;

  async function handOverPart(): Promise<void> {
    const items = part;
    part = [];
    await onPart(items);
    handedOver += items.length;
    seen.items = items;
  }

  return {
    add: (record) => {
      part.push(record);
      if (!isToldOfRecords) return;
      if (seen.keys.length === maxSeenRecords) throw tooManyRecords();
      noteRecord(stream, record, seen);
    },
    handOver: async (sizeBytes) => {
      if (part.length < partRecords && sizeBytes - partFrom < partBytes) return;
      partFrom = sizeBytes;
      if (part.length > 0) await handOverPart();
    },
    end: async () => {
      if (part.length > 0 || handedOver === 0) await handOverPart();
      const before = Array<null>(handedOver - seen.items.length).fill(null);
      return { ...seen, items: [...before, ...seen.items] };
    },
  };
}

function tooManyRecords(): PermanentError {
  return new PermanentError(
    "BODY_TOO_LARGE",
    `the response has more than ${maxSeenRecords} records, more than a paginator can be told of`,
    { remedy: "Ask for smaller pages." },
  );
}
