import { canonicalJson } from "@penstock/core/json";
import type { Stream } from "./model.ts";

/**
 * What keeps a stream from being fetched by windows of time; `undefined` when nothing does.
 *
 * @param from where a window begins, ISO
 */
export function backfillProblem(
  { parent, cursor, writeMode, order, paginator }: Stream,
  from: string,
): string | undefined {
  if (parent !== undefined) return `it runs for the records of ${parent.stream}: backfill that one`;
  if (writeMode === "replace") return "each of its runs takes the place of all there is";
  if (cursor?.kind !== "timestamp") return "it has no cursor that is a time, which windows could be of";
  if (paginator.endsAnywhere !== true && order !== "asc")
    return 'its API neither takes an end (timeWindows) nor sorts by the cursor (order "asc"), so a window would read all there is behind it';
  const asked = [from, null].map((bound) => canonicalJson({ ...paginator.request(paginator.start(bound)) }));
  return asked[0] === asked[1]
    ? "its paginator asks for the same whatever the bound is, so each window would read from the beginning"
    : undefined;
}
