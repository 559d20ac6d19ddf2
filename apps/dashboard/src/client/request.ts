import type { Problem } from "@penstock/api-contract/problem";
import type { GivenParams, RouteBody, RouteQuery, RouteResponse } from "@penstock/api-contract/routes";
import { addresses, type Operation } from "./addresses.ts";
import { noAnswer, notUnderstood, RequestError } from "./request-error.ts";
import { targetOf } from "./target.ts";

/** What a call of an operation takes: only the parts that its route has. */
export type Given<N extends Operation> = Part<"params", GivenParams<N>> &
  Part<"query", RouteQuery<N>> &
  Part<"body", RouteBody<N>> & { signal?: AbortSignal };

// A query may be left out; parameters and a body are what the operation is about.
type Part<Name extends string, T> = [T] extends [undefined]
  ? object
  : Name extends "query"
    ? { [name in Name]?: T }
    : { [name in Name]: T };

type Loose = { params?: object; query?: object; body?: unknown; signal?: AbortSignal };

/**
 * Calls an operation of the API.
 *
 * @throws RequestError with the problem that the API answered, or one that says why there is no answer
 */
export async function request<N extends Operation>(operation: N, given: Given<N>): Promise<RouteResponse<N>> {
  const { params, query, body, signal } = given as Loose; // which of them an operation has depends on N
  const [method = "GET", path = ""] = addresses[operation].split(" ");
  const response = await send(targetOf(path, { ...params }, { ...query }), {
    method,
    headers: { accept: "application/json", ...typeOf(body) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal !== undefined && { signal }),
  });
  const answer = await read(response);
  if (response.ok) return answer as RouteResponse<N>; // the server checks its answers against the contract
  throw isProblem(answer) ? new RequestError(answer) : notUnderstood(response.status, answer);
}

function typeOf(body: unknown): Record<string, string> {
  return body === undefined ? {} : { "content-type": "application/json" };
}

async function send(target: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(target, { ...init, credentials: "same-origin" });
  } catch (cause) {
    if (init.signal?.aborted === true) throw cause;
    throw noAnswer(cause);
  }
}

async function read(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (cause) {
    throw notUnderstood(response.status, cause);
  }
}

function isProblem(answer: unknown): answer is Problem {
  return typeof answer === "object" && answer !== null && "detail" in answer && "remedy" in answer;
}
