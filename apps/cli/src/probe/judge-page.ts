import { type CursorKind, compareCursors } from "@penstock/core/cursor";
import type { Cursor, Stream } from "@penstock/source/model";
import type { Preview } from "@penstock/source/preview";

/** `unknown`: the page shows too little to tell. */
export type Outcome = "ok" | "failed" | "warning" | "unknown";
export type Finding = { check: string; outcome: Outcome; detail: string; remedy?: string };

/** From this share of invalid records on, the schema is wrong rather than the records. */
const tolerableShare = 0.5;

/** What a stream's first page says about its definition. */
export function judgePage(stream: Stream, preview: Preview): Finding[] {
  const { items } = preview.page;
  const found = { check: "records found", outcome: "ok", detail: `${items.length} on the first page` } as const;
  if (items.length === 0) {
    return [{ ...found, outcome: "unknown", detail: "the first page has none, so that the rest cannot be checked" }];
  }
  return [found, judgeRecords(preview), judgeKey(stream, preview), ...judgeCursor(stream, preview)];
}

function judgeRecords({ page, problems }: Preview): Finding {
  const invalid = new Set(problems.map(({ index }) => index)).size;
  const check = "records valid";
  if (invalid === 0) return { check, outcome: "ok", detail: `all ${page.items.length}` };
  const [first] = problems;
  const example = `${first?.path}: expected ${first?.expected}, received ${first?.received}`;
  const outcome = invalid / page.items.length >= tolerableShare ? "failed" : "warning";
  const remedy = "penstock preview shows every field; change schema or transform, or accept them as dead letters";
  return { check, outcome, detail: `${invalid} of ${page.items.length} are not, such as ${example}`, remedy };
}

function judgeKey(stream: Stream, { records, problems }: Preview): Finding {
  const check = "key present and unique";
  const name = stream.key.join(", ");
  const missing = problems.find(({ code }) => code === "KEY_MISSING");
  if (missing !== undefined) {
    const remedy = "name fields as key that every record has";
    return { check, outcome: "failed", detail: `${missing.path} is missing in a record`, remedy };
  }
  const contents = Map.groupBy(records, ({ key }) => key);
  const shared = [...contents].find(([, alike]) => new Set(alike.map(({ data }) => JSON.stringify(data))).size > 1);
  if (shared === undefined) return { check, outcome: records.length === 0 ? "unknown" : "ok", detail: name };
  const remedy = "add fields to key until it is unique; records of one key overwrite one another";
  return { check, outcome: "failed", detail: `different records share the key ${shared[0]} (${name})`, remedy };
}

function judgeCursor({ cursor, order }: Stream, { page }: Preview): Finding[] {
  if (cursor === undefined) return [];
  const values = page.cursors.filter((value) => value !== null);
  const check = "cursor usable";
  if (values.length === 0) {
    const remedy = `the path is that of the raw record, the kind ${cursor.kind}; penstock preview --json shows records`;
    return [{ check, outcome: "failed", detail: `no record has a ${cursor.kind} at ${cursor.field}`, remedy }];
  }
  const lacking = page.cursors.length - values.length;
  const usable: Finding =
    lacking === 0
      ? { check, outcome: "ok", detail: `${cursor.field}, as in ${values[0]}` }
      : { check, outcome: "warning", detail: `${lacking} records have none at ${cursor.field}: dead letters` };
  return [usable, judgeOrder(cursor, order, values)];
}

function judgeOrder(cursor: Cursor, order: Stream["order"], values: string[]): Finding {
  const check = "order as declared";
  const seen = orderOf(cursor.kind, values);
  if (seen === "equal") return { check, outcome: "unknown", detail: `${order}; the page has a single ${cursor.field}` };
  if (order === "none") {
    const hint =
      seen === "asc" ? `; if the API always sorts so, say order: "asc": progress is kept page by page then` : "";
    return { check, outcome: "ok", detail: `none; this page is ${describeOrder(seen)}${hint}` };
  }
  if (order === seen) return { check, outcome: "ok", detail: order };
  const remedy = `ask the API to sort by ${cursor.field} (query), or declare the order it has`;
  return { check, outcome: "failed", detail: `declared ${order}, and the page is ${describeOrder(seen)}`, remedy };
}

type SeenOrder = "asc" | "desc" | "equal" | "mixed";

function orderOf(kind: CursorKind, values: string[]): SeenOrder {
  const steps = values.slice(1).map((value, i) => Math.sign(compareCursors(kind, value, values[i] ?? value)));
  const [rises, falls] = [steps.includes(1), steps.includes(-1)];
  if (rises && falls) return "mixed";
  return rises ? "asc" : falls ? "desc" : "equal";
}

function describeOrder(seen: SeenOrder): string {
  return { asc: "sorted oldest first", desc: "sorted newest first", equal: "of one value", mixed: "not sorted by it" }[
    seen
  ];
}

/** Whether the page after the first brings something new. */
export function judgeNext(first: Preview, second: Preview): Finding {
  const check = "next page";
  const known = new Set(first.page.items.map((item) => JSON.stringify(item)));
  const fresh = second.page.items.filter((item) => !known.has(JSON.stringify(item))).length;
  if (fresh > 0) return { check, outcome: "ok", detail: `brings ${fresh} new records` };
  if (second.page.next.kind === "end") return { check, outcome: "ok", detail: "brings no new records and is the last" };
  const remedy = "compare the paginator's parameter names with the API's documentation: the API may ignore them";
  const isSame = second.page.items.length > 0;
  const detail = isSame ? "repeats the first and names another" : "is empty and names another";
  return { check, outcome: isSame ? "failed" : "warning", detail, remedy };
}
