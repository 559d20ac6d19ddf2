import { expect, test } from "vitest";
import { pieceChars } from "./pieces.ts";
import { batchOf, keysOf, type NumberedRecord, recordsOf, releaseRows } from "./record.ts";

function recordsWith(count: number, chars: number): NumberedRecord[] {
  return Array.from({ length: count }, (_, input) => {
    const data = JSON.stringify({ input, note: 'é"\n'.padEnd(chars, "x") });
    return { key: `k${input}`, ts: "2026-01-01T00:00:00.000Z", version: String(input), data, hash: `h${input}`, input };
  });
}

test.each([
  [0, 10],
  [1, 10],
  [1_000, 200],
  [40, 10_000],
  [2, 1_000_000],
])("%i records of %i characters come back from their batch", (count, chars) => {
  const records = recordsWith(count, chars);
  const batch = batchOf(records);
  expect(recordsOf(batch)).toEqual(records);
  expect(keysOf(batch)).toEqual(records.map(({ key }) => key));
});

test("a batch is in pieces that are filled, and no larger than a record makes them", () => {
  const { rows } = batchOf(recordsWith(1_000, 1_000));
  const sizes = rows.map(({ byteLength }) => byteLength);
  expect(sizes.length).toBeGreaterThan(10);
  for (const size of sizes.slice(0, -1)) expect(size).toBeGreaterThan(pieceChars * 0.8);
  for (const size of sizes) expect(size).toBeLessThan(pieceChars * 1.2);
  for (const { buffer, byteLength } of rows) expect(buffer.byteLength).toBe(byteLength);
});

test("rows that are given back hold nothing any more", () => {
  const batch = batchOf([{ key: "a", ts: null, version: null, data: "{}", hash: "h", input: 0 }]);
  expect(batch.rows.map(({ byteLength }) => byteLength > 0)).toEqual([true]);
  releaseRows(batch);
  expect(batch.rows.map(({ byteLength }) => byteLength)).toEqual([0]);
});
