import { type Answer, conditional, encoded, faultyBody, faultyRecords, jsonAnswer, pageBody } from "./answer.ts";
import type { AuthGuard } from "./auth.ts";
import { applyChanges, applyChurn, type Collections } from "./changes.ts";
import type { Listing } from "./collection.ts";
import type { Fault, FaultPlan } from "./faults.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";
import type { LimitVerdict } from "./limits.ts";
import { type Asked, BadRequest, givePage } from "./paging.ts";
import type { RecordedRequest } from "./recording.ts";
import type { Route } from "./routes.ts";
import type { SimulatorOptions } from "./simulator.ts";

export type ResponderParts = {
  options: SimulatorOptions;
  routes: readonly Route[];
  streams: Collections;
  guard: AuthGuard;
  plan: FaultPlan;
  takeToken: (() => LimitVerdict) | undefined;
};

/** Decides what a request gets, and notes it in the recording. */
export type Responder = (request: RecordedRequest, host: string) => { answer: Answer; fault: Fault | undefined };

const redirectedMark = "redirected";

export function createResponder(parts: ResponderParts): Responder {
  const { options, streams, plan } = parts;
  return (request, host) => {
    applyChanges(options.changes ?? [], request.number, streams);
    const asked = askedOf(request, host);
    const planned = plan(request);
    // A redirect to the same place must end somewhere.
    const fault = planned?.kind === "redirect" && asked.url.searchParams.has(redirectedMark) ? undefined : planned;
    const answer = instead(asked, fault) ?? tokens(parts, request) ?? guarded(parts, request, asked, fault);
    return { answer: encoded(answer, options.encoding, request.headers["accept-encoding"]), fault };
  };
}

function askedOf({ url, headers, body }: RecordedRequest, host: string): Asked {
  return { url: new URL(url, `http://${host}`), headers, body: jsonOf(headers["content-type"], body) };
}

function jsonOf(type: string | undefined, body: string): JsonObject {
  if (!type?.includes("json")) return {};
  try {
    const value: JsonValue = JSON.parse(body);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** What is answered in place of anything the API would say. */
function instead({ url }: Asked, fault: Fault | undefined): Answer | undefined {
  if (fault?.kind === "status") {
    const answer = jsonAnswer(fault.status, { error: fault.status }, fault.headers);
    return fault.body === undefined ? answer : { ...answer, body: Buffer.from(fault.body) };
  }
  if (fault?.kind !== "redirect") return undefined;
  const back = new URL(url);
  back.searchParams.set(redirectedMark, "1");
  return jsonAnswer(fault.status ?? 302, null, { location: fault.to ?? back.href });
}

function tokens({ guard }: ResponderParts, request: RecordedRequest): Answer | undefined {
  if (guard.oauth2 === undefined || request.path !== "/oauth/token") return undefined;
  const { status, body } = guard.oauth2.issue(new URLSearchParams(request.body), request.headers["authorization"]);
  return jsonAnswer(status, body, { "cache-control": "no-store" });
}

function guarded(parts: ResponderParts, request: RecordedRequest, asked: Asked, fault: Fault | undefined): Answer {
  const found = parts.routes.flatMap((route) => {
    const listing = route.match(asked.url.pathname);
    return listing === undefined ? [] : [{ route, listing }];
  })[0];
  if (found === undefined) return jsonAnswer(404, { error: "there is nothing here" });
  request.stream = found.route.name;
  const verdict = parts.takeToken?.() ?? { isAllowed: true, headers: {} };
  if (!verdict.isAllowed) return jsonAnswer(429, { error: "too many requests" }, verdict.headers);
  if (!parts.guard.accepts(asked)) return jsonAnswer(401, { error: "unauthorized" }, verdict.headers);
  const answer = pageOf(parts, found.route, found.listing, request, asked, fault);
  return { ...answer, headers: { ...answer.headers, ...verdict.headers } };
}

function pageOf(
  { options }: ResponderParts,
  { options: stream, collection }: Route,
  listing: Listing,
  request: RecordedRequest,
  asked: Asked,
  fault: Fault | undefined,
): Answer {
  if (options.churn !== undefined) applyChurn(options.churn, request.number, collection);
  try {
    const { entries, extra, headers } = givePage(stream.paging ?? { kind: "none" }, listing, asked);
    const originals = entries.map(({ record }) => record);
    const records = faultyRecords(originals, fault, request.number);
    request.given = records.length;
    const answer = jsonAnswer(200, pageBody(stream.recordsAt ?? "items", records, extra), headers);
    const shown = options.hasEtags === true ? conditional(answer, asked.headers["if-none-match"]) : answer;
    return faultyBody(shown, fault);
  } catch (error) {
    if (error instanceof BadRequest) return jsonAnswer(400, { error: error.message });
    throw error;
  }
}
