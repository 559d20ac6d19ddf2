import { subscribe, unsubscribe } from "node:diagnostics_channel";

/** A request as it went out. `headers` are by lower-case name. */
export type SentRequest = { method: string; url: string; headers: Record<string, string> };

export type RequestObserver = { requests: SentRequest[]; [Symbol.dispose](): void };

const channel = "undici:request:create";

/**
 * Notes every request that this process sends from now on, credentials included: what is shown of them goes through
 * `shownRequest`. Looks at what the client really sends, redirects and requests for tokens among it.
 */
export function observeRequests(): RequestObserver {
  const requests: SentRequest[] = [];
  const note = (message: unknown) => {
    const sent = sentRequest(message);
    if (sent !== undefined) requests.push(sent);
  };
  subscribe(channel, note);
  return { requests, [Symbol.dispose]: () => void unsubscribe(channel, note) };
}

/** The channel's messages have no types: undici documents `{ request: { origin, path, method, headers } }`. */
function sentRequest(message: unknown): SentRequest | undefined {
  if (typeof message !== "object" || message === null || !("request" in message)) return undefined;
  const { request } = message;
  if (typeof request !== "object" || request === null) return undefined;
  if (!("method" in request && "origin" in request && "path" in request && "headers" in request)) return undefined;
  const url = `${String(request.origin)}${String(request.path)}`;
  return { method: String(request.method), url, headers: headersOf(request.headers) };
}

/** Names and values by turns. */
function headersOf(flat: unknown): Record<string, string> {
  const texts = Array.isArray(flat) ? flat.map(String) : [];
  return Object.fromEntries(
    texts.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), texts[i + 1] ?? ""]] : [])),
  );
}

/** Headers that say how to talk, and never who is talking. */
export const harmlessHeaders = new Set([
  "accept",
  "accept-encoding",
  "accept-language",
  "content-length",
  "content-type",
  "if-modified-since",
  "if-none-match",
  "user-agent",
]);
const concealed = "[concealed]";

/**
 * A request as a person may see it: concealed are the values of headers that are not known to be harmless, and of all
 * parameters of the address but those called `openParameters`.
 */
export function shownRequest({ method, url, headers }: SentRequest, openParameters: Set<string>): SentRequest {
  const { origin, pathname, searchParams } = new URL(url);
  const parameters = [...searchParams].map(
    ([name, value]) => `${name}=${openParameters.has(name) ? value : concealed}`,
  );
  return {
    method,
    url: `${origin}${pathname}${parameters.length === 0 ? "" : `?${parameters.join("&")}`}`,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, harmlessHeaders.has(name) ? value : concealed]),
    ),
  };
}
