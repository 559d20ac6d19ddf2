import { contentHash } from "@penstock/core/hash";
import { canonicalJson, type JsonObject } from "@penstock/core/json";
import type { ParentValues } from "@penstock/core/partition";
import type { RequestLabel } from "./classify.ts";
import type { HttpRequest } from "./http-client.ts";
import { mergeBodies } from "./merge-bodies.ts";
import type { Source, Stream } from "./model.ts";
import { targetOf } from "./origin.ts";
import { pageUrl } from "./page-url.ts";
import type { PageRequest } from "./paginator.ts";
import { revealPath } from "./secret-paths.ts";
import { fillBody } from "./template.ts";

/**
 * The request for a page, without credentials.
 *
 * @throws PermanentError `ORIGIN_REFUSED` for a link that leads elsewhere, `PARENT_VALUE_INVALID`
 */
export function httpRequest(
  source: Source,
  stream: Stream,
  asked: PageRequest,
  parent: ParentValues | undefined,
): HttpRequest {
  const target =
    asked.url === undefined
      ? { url: pageUrl(source, stream, asked, parent), isOwn: true }
      : targetOf(source, revealPath(source, stream, asked.url), new URL(source.baseUrl));
  const { method } = stream;
  return { target, method, headers: asked.headers ?? {}, body: bodyOf(stream, asked, parent) };
}

function bodyOf(
  { method, body }: Stream,
  asked: PageRequest,
  parent: ParentValues | undefined,
): JsonObject | undefined {
  if (method === "GET") return undefined;
  const filled = body === undefined || parent === undefined ? body : fillBody(body, parent);
  return mergeBodies(filled, asked.body);
}

export function labelOf(source: Source, stream: Stream, { method, target }: HttpRequest): RequestLabel {
  const path = source.conceal(target.url.pathname);
  return { source: source.name, stream: stream.name, method, origin: target.url.origin, path };
}

/** What an API said of the state of an answer (RFC 9110 §8.8), and of the answer to which request: it holds for no other. */
export type Validator = { request: string; etag?: string; lastModified?: string };

/** Headers that ask for an answer only if it is another than the one the validator is of. */
export function conditionsOf(sent: HttpRequest, validator: Validator | undefined): Record<string, string> {
  if (validator === undefined || !sent.target.isOwn || validator.request !== identityOf(sent)) return {};
  return {
    ...(validator.etag !== undefined && { "if-none-match": validator.etag }),
    ...(validator.lastModified !== undefined && { "if-modified-since": validator.lastModified }),
  };
}

export function validatorOf(sent: HttpRequest, headers: Record<string, string>): Validator | undefined {
  const { etag, "last-modified": lastModified } = headers;
  if (etag === undefined && lastModified === undefined) return undefined;
  return {
    request: identityOf(sent),
    ...(etag !== undefined && { etag }),
    ...(lastModified !== undefined && { lastModified }),
  };
}

function identityOf({ target, method, headers, body }: HttpRequest): string {
  return contentHash(`${method} ${target.url.href}\n${canonicalJson(headers)}\n${canonicalJson(body ?? null)}`);
}
