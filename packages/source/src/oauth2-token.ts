import { PenstockError, PermanentError } from "@penstock/core/errors";
import { isJsonObject, type JsonValue } from "@penstock/core/json";
import { type Dispatcher, request } from "undici";
import { classifyFailure, errorFor, type RequestLabel } from "./classify.ts";
import type { Conceal } from "./conceal.ts";
import { escapeExcerpt } from "./describe-value.ts";
import { actionFor } from "./error-rules.ts";
import { singleHeaders } from "./headers.ts";
import { acceptedEncodings, parseBody, readBody } from "./read-body.ts";

export type TokenClient = {
  tokenUrl: string;
  clientId: string;
  clientSecret: string | undefined;
  /** Where client id and secret go: `header`, which RFC 6749 §2.3.1 prefers, or `body`. */
  clientAuth: "header" | "body";
  /** Form fields sent beside the grant: scope, audience. */
  parameters: Record<string, string>;
};

export type GrantedTokens = {
  accessToken: string;
  /** The one to use next, where it was rotated. */
  refreshToken: string | undefined;
  lifetimeMs: number | undefined;
};

export type Grant = { grant_type: "client_credentials" } | { grant_type: "refresh_token"; refresh_token: string };

export type TokenRequest = {
  source: string;
  dispatcher: Dispatcher;
  client: TokenClient;
  conceal: Conceal;
  timeoutMs: number;
};

const maxBytes = 256 * 1024;

/**
 * Asks the token endpoint for tokens (RFC 6749 §4.4, §6).
 *
 * @throws PermanentError `TOKEN_REFUSED` when it does not accept the client or the grant, or answers something else
 * @throws TransientError, ThrottledError as for any request
 */
export async function requestToken(context: TokenRequest, grant: Grant): Promise<GrantedTokens> {
  const { source, client, conceal } = context;
  const url = new URL(client.tokenUrl);
  const label = { source, stream: "token", method: "POST", origin: url.origin, path: url.pathname };
  const { status, headers, body } = await post(context, url, label, grant);
  const parsed =
    body.byteLength === 0 ? undefined : parseOrRefuse(body, headers["content-type"], conceal, label, status);
  const said =
    isJsonObject(parsed) && typeof parsed["error"] === "string" ? escapeExcerpt(conceal(parsed["error"])) : "";
  const answer = { status, headers, excerpt: said, remark: undefined, now: new Date() };
  if ([400, 401, 403].includes(status)) throw refused(label, `answered ${status}${said === "" ? "" : ` (${said})`}`);
  const error = errorFor(actionFor([], { status, headers, body: parsed }), answer, label);
  if (error !== undefined) throw error;
  return grantedIn(parsed, label);
}

type TokenAnswer = { status: number; headers: Record<string, string>; body: Buffer };

async function post(context: TokenRequest, url: URL, label: RequestLabel, grant: Grant): Promise<TokenAnswer> {
  const signal = AbortSignal.timeout(context.timeoutMs);
  try {
    const { headers, form } = clientFields(context.client);
    const response = await request(url, {
      method: "POST",
      dispatcher: context.dispatcher,
      signal,
      headers: {
        accept: "application/json",
        "accept-encoding": acceptedEncodings,
        "content-type": "application/x-www-form-urlencoded",
        ...headers,
      },
      body: new URLSearchParams({ ...grant, ...context.client.parameters, ...form }).toString(),
    });
    const received = singleHeaders(response.headers);
    const body = await readBody(response.body, received["content-encoding"], maxBytes);
    return { status: response.statusCode, headers: received, body };
  } catch (error) {
    throw error instanceof PenstockError
      ? error
      : classifyFailure(signal.aborted ? signal.reason : error, "waiting", label);
  }
}

function clientFields({ clientId, clientSecret, clientAuth }: TokenClient): {
  headers: Record<string, string>;
  form: Record<string, string>;
} {
  if (clientSecret === undefined) return { headers: {}, form: { client_id: clientId } };
  if (clientAuth === "body") return { headers: {}, form: { client_id: clientId, client_secret: clientSecret } };
  const pair = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`;
  return { headers: { authorization: `Basic ${Buffer.from(pair).toString("base64")}` }, form: {} };
}

function parseOrRefuse(
  body: Buffer,
  contentType: string | undefined,
  conceal: Conceal,
  label: RequestLabel,
  status: number,
): JsonValue | undefined {
  try {
    return parseBody(body, contentType, conceal);
  } catch {
    if (status >= 300) return undefined;
    // Without its cause, which quotes the body: that may hold tokens.
    throw refused(label, "answered what is not JSON");
  }
}

function grantedIn(body: JsonValue | undefined, label: RequestLabel): GrantedTokens {
  const fields = isJsonObject(body) ? body : {};
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: expiresIn } = fields;
  if (typeof accessToken !== "string" || accessToken === "") throw refused(label, "answered without an access_token");
  const seconds = Number(expiresIn ?? Number.NaN);
  return {
    accessToken,
    refreshToken: typeof refreshToken === "string" && refreshToken !== "" ? refreshToken : undefined,
    lifetimeMs: Number.isFinite(seconds) ? seconds * 1_000 : undefined,
  };
}

function refused({ source, origin, path }: RequestLabel, what: string): PermanentError {
  return new PermanentError("TOKEN_REFUSED", `${origin} ${what} when source ${source} asked for a token at ${path}`, {
    source,
  });
}
