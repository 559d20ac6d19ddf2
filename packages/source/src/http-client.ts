import { PermanentError } from "@penstock/core/errors";
import type { JsonObject } from "@penstock/core/json";
import { Agent, type Dispatcher, request } from "undici";
import { createAddressGuard } from "./address-guard.ts";
import type { Authorizer, Credentials, UnsignedRequest } from "./auth.ts";
import type { Conceal } from "./conceal.ts";
import { singleHeaders } from "./headers.ts";
import type { Source } from "./model.ts";
import { type Target, targetOf } from "./origin.ts";
import { acceptedEncodings } from "./read-body.ts";
import type { InStep } from "./request-step.ts";
import { statedSecrets } from "./stated-secrets.ts";
import type { TokenStore } from "./token-store.ts";

export type HttpMethod = "GET" | "POST";

export type HttpRequest = {
  target: Target;
  method: HttpMethod;
  headers: Record<string, string>;
  /** Sent as JSON. */
  body: JsonObject | undefined;
};

export type HttpAnswer = {
  status: number;
  /** Lower-case names. */
  headers: Record<string, string>;
  body: Dispatcher.ResponseData["body"];
};

export type HttpClient = {
  authorizer: Authorizer;
  /** The request as {@link send} sends it, but for credentials. */
  unsigned(sent: HttpRequest): UnsignedRequest;
  /** Takes every secret out of a text of the API, for a message. */
  conceal: Conceal;
  /** Takes credentials out of a link; they are put back when it is followed. */
  concealLink: Conceal;
  /**
   * Sends a request, and follows redirects within the source's origin and to allowed ones.
   *
   * @throws PermanentError `ORIGIN_REFUSED`, `ADDRESS_REFUSED`, `REDIRECT_LIMIT`
   * @throws Error of undici when the connection fails
   */
  send(sent: HttpRequest, credentials: Credentials, signal: AbortSignal): Promise<HttpAnswer>;
  close(): Promise<void>;
};

const userAgent = "penstock/0.1";
const maxRedirects = 5;
const redirectStatuses = new Set([301, 302, 303, 307, 308]);

/** A source's connections, kept alive: some to itself, and others, whose addresses are checked, to where its links lead. */
export function createHttpClient(source: Source, tokens: TokenStore | undefined, inStep: InStep): HttpClient {
  const guard = createAddressGuard(new URL(source.baseUrl).hostname);
  const own = createAgent(source, {});
  const others = createAgent(source, { lookup: guard.lookup });
  const authorizer = source.auth.open({ source: source.name, tokens, dispatcher: own, inStep });
  const stated = statedSecrets(source);

  async function exchange(sent: HttpRequest, credentials: Credentials, signal: AbortSignal): Promise<HttpAnswer> {
    const { target } = sent;
    // What a body asks for is between the source and us.
    const { method, body } = target.isOwn ? sent : { method: "GET", body: undefined };
    if (!target.isOwn) await guard.checkHost(target.url.hostname);
    const {
      statusCode,
      headers,
      body: received,
    } = await request(authorized(target, { ...stated.query, ...credentials.query }), {
      dispatcher: target.isOwn ? own : others,
      method,
      headers: headersOf(source, sent, credentials),
      body: bodyText(body) ?? null,
      signal,
    });
    return { status: statusCode, headers: singleHeaders(headers), body: received };
  }

  return {
    authorizer,
    unsigned: ({ target, method, body }) => ({
      method,
      url: authorized(target, stated.query).href,
      body: bodyText(body),
    }),
    conceal: (text) => stated.inTexts(authorizer.conceal(source.conceal(text))),
    concealLink: (text) => stated.inLinks(authorizer.conceal(text)),
    send: async (first, credentials, signal) => {
      let sent = first;
      for (let redirects = 0; ; redirects += 1) {
        const asked = sent;
        const send = () => exchange(asked, credentials, signal);
        const step = { name: "redirect", host: asked.target.url.host } as const;
        const answer = redirects === 0 ? await send() : await inStep(step, send);
        const { location } = answer.headers;
        if (!redirectStatuses.has(answer.status) || location === undefined) return answer;
        await answer.body.dump();
        if (redirects === maxRedirects) throw tooManyRedirects(source, first.target.url);
        sent = redirected(source, sent, answer.status, location);
      }
    },
    close: async () => {
      await Promise.all([own.close(), others.close()]);
    },
  };
}

function bodyText(body: JsonObject | undefined): string | undefined {
  return body === undefined ? undefined : JSON.stringify(body);
}

function createAgent(source: Source, connect: object): Agent {
  const { connectMs, headersMs, bodyMs } = source.timeouts;
  return new Agent({
    connections: source.concurrency,
    connect: { timeout: connectMs, ...connect },
    headersTimeout: headersMs,
    bodyTimeout: bodyMs,
  });
}

function authorized({ url, isOwn }: Target, query: Record<string, string>): URL {
  if (!isOwn) return url;
  const complete = new URL(url);
  for (const [name, value] of Object.entries(query)) complete.searchParams.set(name, value);
  return complete;
}

/** Headers of the source and of a paginator may hold secrets, so another origin gets none of them either. */
function headersOf(source: Source, sent: HttpRequest, credentials: Credentials): Record<string, string> {
  const plain = {
    accept: "application/json",
    "accept-encoding": acceptedEncodings,
    "user-agent": userAgent,
    ...(sent.body !== undefined && { "content-type": "application/json" }),
  };
  if (!sent.target.isOwn) return plain;
  return { ...plain, ...lowerCased(source.headers), ...lowerCased(sent.headers), ...credentials.headers };
}

function lowerCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** As the Fetch standard has it: 303 makes a GET of everything, 301 and 302 of a POST; the others keep method and body. */
function redirected(source: Source, sent: HttpRequest, status: number, location: string): HttpRequest {
  const target = targetOf(source, location, sent.target.url);
  const isGetNow = status === 303 || ((status === 301 || status === 302) && sent.method === "POST");
  const next: HttpRequest = isGetNow ? { ...sent, target, method: "GET", body: undefined } : { ...sent, target };
  // Whatever another origin redirects to is its choice: credentials do not come back into play.
  return { ...next, target: { url: target.url, isOwn: target.isOwn && sent.target.isOwn } };
}

function tooManyRedirects({ conceal }: Source, { origin, pathname }: URL): PermanentError {
  return new PermanentError(
    "REDIRECT_LIMIT",
    `${origin}${conceal(pathname)} redirects more than ${maxRedirects} times`,
  );
}
