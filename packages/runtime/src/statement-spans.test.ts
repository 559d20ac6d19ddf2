import { expect, test } from "vitest";
import { summaryOf } from "./statement-spans.ts";

test.each([
  ["\n    INSERT INTO pages (run_id) VALUES ($1) ON CONFLICT DO NOTHING", "INSERT pages"],
  ["WITH written AS (INSERT INTO records SELECT 1 FROM x RETURNING 1) SELECT count(*) FROM written", "INSERT records"],
  ['SELECT "public"."runs"."id" FROM "public"."runs" WHERE 1=1', "SELECT runs"],
  ["UPDATE checkpoints SET bound = $1", "UPDATE checkpoints"],
  ["DELETE FROM run_seen WHERE true", "DELETE run_seen"],
  ["COMMIT", "COMMIT"],
  ["SELECT 1", "SELECT"],
  ["PRAGMA journal_mode = WAL", "STATEMENT"],
])("%s is told as %s", (sql, summary) => {
  expect(summaryOf(sql)).toBe(summary);
});
