import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { jsonLines, penstock } from "./penstock.ts";

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "penstock-demo-"));
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

test("the demo lands every real event, meets its faults, and finds all unchanged the second time", async () => {
  // Whatever is configured for the sources that a user runs.
  const configured = { PENSTOCK_SOURCES_DIR: dataDir, USGS_MIN_MAGNITUDE: "5", API_BASE_URL: "x", BATCH_SIZE: "0" };
  const env = { PENSTOCK_DATA_DIR: dataDir, ...configured };
  const first = await penstock(["demo", "--json"], env);
  expect(first.code, first.stderr).toBe(0);
  const [summary] = jsonLines(first);
  expect(summary).toMatchObject({
    status: "succeeded",
    inserted: 1_707,
    updated: 0,
    rows: 1_707,
    throttled: 1,
    serverErrors: 1,
  });
  expect(summary?.["deadLettered"]).toBeGreaterThanOrEqual(4);
  expect(summary?.["deadLettersOpen"]).toBe(summary?.["deadLettered"]);
  expect(summary?.["strongest"]).toHaveLength(5);

  const second = await penstock(["demo", "--json"], env);
  const [again] = jsonLines(second);
  expect(again).toMatchObject({
    status: "succeeded",
    inserted: 0,
    updated: 0,
    rows: 1_707,
    deadLettersOpen: summary?.["deadLettersOpen"],
  });
  expect(again?.["fetched"]).toBe(summary?.["fetched"]);
  expect(again?.["deadLettered"]).toBe(summary?.["deadLettered"]);
  expect(again?.["unchanged"]).toBe(Number(summary?.["fetched"]) - Number(summary?.["deadLettered"]));
});

test("without --json it is written for a person", async () => {
  const { code, stdout, stderr } = await penstock(["demo"], { PENSTOCK_DATA_DIR: dataDir });
  expect(code, stderr).toBe(0);
  for (const part of [
    "run succeeded",
    "What became of the records",
    "The five strongest",
    "Magnitudes",
    "dead letters",
    "sqlite3 ",
  ]) {
    expect(stdout).toContain(part);
  }
  expect(stdout).toMatch(/^\d+ records of an API that has 1712, \d+ records\/s/m);
  expect(stdout).not.toContain("\u001b");
});
