import type { JsonObject, JsonValue } from "@penstock/core/json";
import type { CursorShape, PageRequest, PageSeen, Paginator } from "../paginator.ts";

/** What an API answers, for tests of paginators; `url` is what was asked. */
export type Answer = { items: JsonValue[]; body?: JsonObject; headers?: Record<string, string>; url?: string };
export type Api = (request: PageRequest) => Answer;

export type Walked = { ids: string[]; requests: PageRequest[]; end: string };

type WalkOptions = {
  bound?: string;
  /** Where the run is to end. */
  upTo?: string;
  cursor?: CursorShape;
  cursorOf?: (item: JsonValue) => string | null;
  /** As the API writes it; default as `cursorOf` gives it. */
  rawOf?: (item: JsonValue) => JsonValue | undefined;
};

const tooManyPages = 2_000;

/** Follows a paginator to the end; `end` is `end`, or the code of an incomplete run. Items have an `id`. */
export function walkApi(paginator: Paginator, api: Api, options: WalkOptions = {}): Walked {
  const { bound = null, cursor, upTo, cursorOf = () => null, rawOf = (item) => cursorOf(item) ?? undefined } = options;
  const walked: Walked = { ids: [], requests: [], end: "" };
  for (let position = paginator.start(bound, cursor, upTo); walked.end === ""; ) {
    if (walked.requests.length === tooManyPages) throw new Error("the paginator does not come to an end");
    const request = paginator.request(position);
    walked.requests.push(request);
    const page = pageOf(api(request), { cursorOf, rawOf });
    walked.ids.push(...page.keys);
    const next = paginator.next(position, page);
    if (next.kind === "next") position = JSON.parse(JSON.stringify(next.position));
    else walked.end = next.kind === "end" ? "end" : next.code;
  }
  return walked;
}

function pageOf(answer: Answer, { cursorOf, rawOf }: Required<Pick<WalkOptions, "cursorOf" | "rawOf">>): PageSeen {
  const { items, body = {}, headers = {}, url = "https://api.example/v1/items" } = answer;
  return {
    items,
    cursors: items.map(cursorOf),
    rawCursors: items.map(rawOf),
    keys: items.map(idOf),
    body,
    headers,
    url,
  };
}

const idOf = (item: JsonValue) => (typeof item === "object" && item !== null && "id" in item ? String(item["id"]) : "");
