import { randomBytes } from "node:crypto";
import type { ExternalRecord } from "@penstock/testing/simulators/external-api";

const firstAt = Date.UTC(2026, 0, 1);

export type RecordsOptions = {
  from?: number;
  count: number;
  isBad: (number: number) => boolean;
  /** Adds to each record so many bytes that do not compress. */
  ballastBytes?: number;
};

/** Records from number `from` on, one a second; a bad one does not fit the schema. */
export function chaosRecords({ from = 0, count, isBad, ballastBytes = 0 }: RecordsOptions): ExternalRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const number = from + i;
    const id = `r${String(number).padStart(6, "0")}`;
    const value = isBad(number) ? ("not a number" as unknown as number) : number * 3;
    const record = { id, ts: new Date(firstAt + number * 1_000).toISOString(), value };
    return ballastBytes === 0 ? record : { ...record, meta: randomBytes(ballastBytes).toString("base64") };
  });
}

export const isBadRecord = ({ value }: ExternalRecord): boolean => typeof value !== "number";
