import { describe, expect, test } from "vitest";
import { pieceChars } from "./pieces.ts";
import { batchOf, hashesOf, keysOf, type NumberedRecord, recordsOf, releaseRows } from "./record.ts";

function recordsWith(count: number, chars: number): NumberedRecord[] {
  return Array.from({ length: count }, (_, input) => {
    const data = JSON.stringify({ input, note: 'é"\n'.padEnd(chars, "x") });
    return { key: `k${input}`, ts: "2026-01-01T00:00:00.000Z", version: String(input), data, hash: `h${input}`, input };
  });
}

describe.each(["sqlite", "postgresql"] as const)("rows for %s", (format) => {
  test.each([
    [0, 10],
    [1, 10],
    [1_000, 200],
    [40, 10_000],
    [2, 1_000_000],
  ])("%i records of %i characters come back from their batch", (count, chars) => {
    const records = recordsWith(count, chars);
    const batch = batchOf(records, format);
    expect(recordsOf(batch)).toEqual(records);
    expect(keysOf(batch)).toEqual(records.map(({ key }) => key));
  });

  test.each<Partial<NumberedRecord>>([
    { ts: null, version: null },
    { extra: '{"é":"\\u0000"}' },
    { ts: "0001-01-01T00:00:00.000Z" },
    { ts: "9999-12-31T23:59:59.999Z" },
    { ts: "9999-05-04T03:02:01.001Z" },
    { ts: "1969-12-31T23:59:59.999Z" },
    { key: "€".repeat(21_845), data: JSON.stringify("€".repeat(30_000)) },
    { key: "€".repeat(21_846), version: "€".repeat(21_844) },
    { key: "é\ud800", version: '\udfff"\\\n', hash: "\ud800".repeat(200_000) },
    { key: "𝄞".repeat(20_000), version: "" },
  ])("%j comes back as it is", (change) => {
    const record = { key: "k", ts: null, version: null, data: "{}", hash: "h", input: 0, ...change };
    expect(recordsOf(batchOf([record], format))).toEqual([record]);
  });

  test("records of very different sizes come back, whatever room those before them left", () => {
    const chars = [10, 40_000, 10, 700_000, 20, 1_500_000, 30, 10, 60_000];
    const records = chars.map((count, input) => ({
      ...{ key: `k${input}`, ts: null, version: null, hash: "h", input },
      ...{ data: `"${"€".repeat(count)}"`, extra: `"${"€".repeat(count / 10)}"` },
    }));
    expect(recordsOf(batchOf(records, format))).toEqual(records);
    for (const each of records) expect(recordsOf(batchOf([each], format))).toEqual([each]);
  });

  test.each(["data", "extra"])("a record fills what was reserved for it to the last byte: %s", (field) => {
    const full = "€".repeat((1024 * 1024) / 3 - 10);
    const record = { key: "", ts: null, version: null, data: "", hash: "", extra: "", input: 0, [field]: full };
    expect(recordsOf(batchOf([record], format))).toEqual([record]);
  });

  test("a batch is in pieces that are filled, and no larger than a record makes them", () => {
    const { rows } = batchOf(recordsWith(1_000, 1_000), format);
    const sizes = rows.map(({ byteLength }) => byteLength);
    expect(sizes.length).toBeGreaterThan(10);
    for (const size of sizes.slice(0, -1)) expect(size).toBeGreaterThanOrEqual(pieceChars);
    for (const size of sizes) expect(size).toBeLessThan(pieceChars + 2_000);
    for (const { buffer, byteLength } of rows) expect(buffer.byteLength).toBe(byteLength);
  });

  test("the hashes of some records, in whichever piece they are", () => {
    const batch = batchOf(recordsWith(1_000, 1_000), format);
    const among = new Set(["k999", "k0", "k500", "k1000"]);
    expect([...hashesOf(batch, among)]).toEqual([
      ["k0", "h0"],
      ["k500", "h500"],
      ["k999", "h999"],
    ]);
    expect(hashesOf(batch, new Set()).size).toBe(0);
  });

  test("rows that are given back hold nothing any more", () => {
    const batch = batchOf([{ key: "a", ts: null, version: null, data: "{}", hash: "h", input: 0 }], format);
    expect(batch.rows.map(({ byteLength }) => byteLength > 0)).toEqual([true]);
    releaseRows(batch);
    expect(batch.rows.map(({ byteLength }) => byteLength)).toEqual([0]);
  });
});
