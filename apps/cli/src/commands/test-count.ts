/** What is used of vitest's JSON report. */
export type VitestReport = {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  testResults: { status: string; assertionResults: { status: string }[] }[];
};

export type TestCount = { passed: number; failed: number; skipped: number };

/**
 * Counts tests, and what fails without being one: a file that cannot be loaded or leaves something open, an error outside of all
 * tests, a run that ended before its report.
 */
export function countResults(report: VitestReport | undefined, exitCode: number): TestCount {
  const {
    numPassedTests: passed = 0,
    numFailedTests = 0,
    numPendingTests: skipped = 0,
    testResults = [],
  } = report ?? {};
  const failedFiles = testResults.filter(({ status, assertionResults }) => {
    return status === "failed" && !assertionResults.some((test) => test.status === "failed");
  });
  const failed = numFailedTests + failedFiles.length;
  return { passed, failed: failed === 0 && exitCode !== 0 ? 1 : failed, skipped };
}
