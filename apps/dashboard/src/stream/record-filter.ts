import type { Comparison } from "@penstock/api-contract/records";

export const comparisons: readonly [Comparison, string][] = [
  ["eq", "="],
  ["ne", "≠"],
  ["gt", ">"],
  ["gte", "≥"],
  ["lt", "<"],
  ["lte", "≤"],
  ["contains", "contains"],
  ["in", "is one of"],
  ["exists", "is there"],
];

export type RecordFilter = {
  key: string;
  field: string;
  comparison: Comparison;
  value: string;
  /** As an input of dates has it, in local time: `2026-01-31T13:00`. */
  from: string;
  to: string;
  order: "key" | "ts" | "-ts";
  deleted: boolean;
};

/** The filter as it stands in the address of the page. */
export function readFilter(search: URLSearchParams): RecordFilter {
  const given = (name: string) => search.get(name) ?? "";
  const order = given("order");
  return {
    key: given("key"),
    field: given("field"),
    comparison: comparisons.find(([name]) => name === given("comparison"))?.[0] ?? "eq",
    value: given("value"),
    from: given("from"),
    to: given("to"),
    order: order === "ts" || order === "-ts" ? order : "key",
    deleted: given("deleted") === "true",
  };
}

/** What the API is asked with; what is not filled in is left out. */
export function recordQueryOf(filter: RecordFilter) {
  const { key, field, comparison, value, from, to, order, deleted } = filter;
  const hasCondition = field !== "" && (value !== "" || comparison === "exists");
  return {
    order,
    ...(key !== "" && { key }),
    ...(hasCondition && { where: `${field}:${comparison}:${comparison === "exists" ? value || "true" : value}` }),
    ...(from !== "" && { from: new Date(from).toISOString() }),
    ...(to !== "" && { to: new Date(to).toISOString() }),
    ...(deleted && { deleted: "true" as const }),
  };
}
