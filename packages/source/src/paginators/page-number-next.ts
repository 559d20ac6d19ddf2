import type { JsonValue } from "@penstock/core/json";
import type { NextPage } from "../paginator.ts";
import { type Checking, edgesOf, type Position, type Reading, reading } from "./page-number-position.ts";

/** What the API tells with the page, and how the paginator was set up. */
export type PageNumbers = {
  totalPages: number | undefined;
  total: number | undefined;
  hasMore: JsonValue | undefined;
  firstPage: number;
  check: "always" | "shrunk" | "never";
};

const maxStepsBack = 10;

/** What a page leads to; the reasons stand at `pageNumber`. */
export function nextPage(position: Position, keys: string[], told: PageNumbers): NextPage {
  return position.phase === "read" ? afterRead(position, keys, told) : afterCheck(position, keys, told);
}

function afterRead(position: Reading, keys: string[], told: PageNumbers): NextPage {
  const { page, since, stepsBack, before } = position;
  const common = { since, stepsBack, seenTo: Math.max(position.seenTo, page) };
  const resume = isLast(position, keys, told)
    ? null
    : reading({ ...common, page: page + 1, before: edgesOf(keys), total: told.total ?? null });
  const isShrunk = told.total !== undefined && position.total !== null && told.total < position.total;
  if (before !== null && (told.check === "always" || (told.check === "shrunk" && isShrunk)))
    return next({ ...common, phase: "check", page: page - 1, edges: before, resume });
  return goOn(resume);
}

function isLast({ page }: Reading, keys: string[], { totalPages, hasMore, firstPage }: PageNumbers): boolean {
  if (totalPages !== undefined) return page - firstPage + 1 >= totalPages;
  return hasMore === undefined ? keys.length === 0 : hasMore === false;
}

function afterCheck(position: Checking, keys: string[], { firstPage, total }: PageNumbers): NextPage {
  const { page, since, edges, resume, seenTo } = position;
  const at = keys.lastIndexOf(edges.last);
  const isInserted = at === -1 && keys.indexOf(edges.first) > 0;
  if (isInserted || (at !== -1 && at === keys.length - 1))
    return goOn(resume && following(resume, position, keys, total));
  const stepsBack = position.stepsBack + 1;
  if (stepsBack > maxStepsBack) return { kind: "incomplete", code: "OFFSET_SHIFTED" };
  // From the first page on nothing can be missed.
  if (at !== -1 || page === firstPage)
    return next(reading({ page: page + 1, since, stepsBack, seenTo, before: edgesOf(keys), total: total ?? null }));
  return next({ ...position, page: page - 1, stepsBack, resume: reading({ page, since, stepsBack, seenTo }) });
}

/** After a step back the next page to read follows the one just seen, so that is the one to look at again. */
function following(resume: Reading, { page }: Checking, keys: string[], total: number | undefined): Reading {
  return resume.page === page + 1 ? { ...resume, before: edgesOf(keys), total: total ?? null } : resume;
}

function goOn(resume: Reading | null): NextPage {
  return resume === null ? { kind: "end" } : next(resume);
}

function next(position: Position): NextPage {
  return { kind: "next", position, rereads: position.phase === "check" || position.page <= position.seenTo };
}
