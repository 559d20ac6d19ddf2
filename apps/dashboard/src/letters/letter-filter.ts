import type { Letter } from "../client/models.ts";

export const statuses = ["open", "redriving", "resolved", "discarded", "any"] as const satisfies readonly (
  | Letter["status"]
  | "any"
)[];
export type LetterFilter = {
  status: (typeof statuses)[number];
  source?: string;
  stream?: string;
  code?: string;
  stage?: Letter["stage"];
  run?: string;
  text?: string;
};

/** Which letters to show, as it stands in the address of the page. */
export function readLetterFilter(search: URLSearchParams): LetterFilter {
  const filter: LetterFilter = { status: statuses.find((status) => status === search.get("status")) ?? "open" };
  for (const name of ["source", "stream", "code", "run", "text"] as const) {
    const value = search.get(name);
    if (value !== null && value !== "") filter[name] = value;
  }
  const stage = search.get("stage");
  if (stage === "fetch" || stage === "transform") filter.stage = stage;
  return filter;
}

/** The address of the page with this filter. */
export function lettersHref({ status, ...filter }: LetterFilter): string {
  const search = new URLSearchParams(filter);
  if (status !== "open") search.set("status", status);
  return search.size === 0 ? "/dead-letters" : `/dead-letters?${search}`;
}

/** What an action on all letters of the filter is told: they are open ones, always. */
export function choiceOf({ status: _, ...filter }: LetterFilter): Omit<LetterFilter, "status"> {
  return filter;
}
