import { expect, it } from "vitest";
import { countResults, type VitestReport } from "./test-count.ts";

const report = (change: Partial<VitestReport>): VitestReport => ({
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 0,
  testResults: [{ status: "passed", assertionResults: [{ status: "passed" }] }],
  ...change,
});

it("counts tests", () => {
  const failedFile = { status: "failed", assertionResults: [{ status: "passed" }, { status: "failed" }] };
  expect(countResults(report({}), 0)).toEqual({ passed: 3, failed: 0, skipped: 0 });
  expect(countResults(report({ numFailedTests: 1, numPendingTests: 2, testResults: [failedFile] }), 1)).toEqual({
    passed: 3,
    failed: 1,
    skipped: 2,
  });
});

it("counts a file that fails although its tests pass, or that has none", () => {
  const files = [
    { status: "failed", assertionResults: [{ status: "passed" }] },
    { status: "failed", assertionResults: [] },
  ];
  expect(countResults(report({ testResults: files }), 1).failed).toBe(2);
});

it("counts an error outside of all files, and a run without a report", () => {
  expect(countResults(report({}), 1).failed).toBe(1);
  expect(countResults(undefined, 1)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});
