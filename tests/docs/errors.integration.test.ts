import { errorCodes } from "@penstock/core/error-codes";
import { expect, test } from "vitest";
import { readPage, tableRows } from "./markdown.ts";

test("docs/errors.md has every error code as it is defined, once, and no other", async () => {
  const rows = tableRows(await readPage("docs/errors.md"));
  const defined = Object.entries(errorCodes).map(([code, { means, remedy }]) => [code, means, remedy]);
  expect(rows).toEqual(defined);
});
