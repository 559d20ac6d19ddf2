import type { JsonValue } from "@penstock/core/json";
import { escapeExcerpt } from "@penstock/source/describe-value";
import type { PreviewedRecord } from "@penstock/source/preview";
import Table from "cli-table3";

const cellChars = 32;
/** What a column takes beside its text: a border and a blank on each side. */
const columnExtra = 3;

/** Records as a table of as many columns as fit into `width` characters; the others are named below it. */
export function recordTable(records: readonly PreviewedRecord[], columns: readonly string[], width: number): string {
  const cells = new Map(columns.map((name) => [name, records.map(({ data }) => cellText(data[name]))]));
  const fitting = fittingColumns(cells, width);
  const table = new Table({ head: fitting, style: { head: [], border: [] } });
  for (const index of records.keys()) table.push(fitting.map((name) => cells.get(name)?.[index] ?? ""));
  const left = columns.slice(fitting.length);
  const note = left.length === 0 ? "" : `\n${left.length} more columns: ${left.join(", ")} (--json shows them)`;
  return `${table.toString()}${note}`;
}

/** The first columns that fit side by side, one at least. */
function fittingColumns(cells: ReadonlyMap<string, string[]>, width: number): string[] {
  let used = 1;
  const names = [...cells.keys()];
  const tooWide = names.findIndex((name) => {
    used += Math.max(name.length, ...(cells.get(name) ?? []).map((text) => text.length)) + columnExtra;
    return used > width;
  });
  return tooWide === -1 ? names : names.slice(0, Math.max(1, tooWide));
}

function cellText(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const shown = escapeExcerpt(text.slice(0, cellChars));
  return text.length > cellChars ? `${shown.slice(0, cellChars - 1)}…` : shown;
}
