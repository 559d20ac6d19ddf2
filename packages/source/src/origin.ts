import { PermanentError } from "@penstock/core/errors";
import type { Source } from "./model.ts";

/** An address to send a request to. Only the source's own origin gets its credentials and headers. */
export type Target = { url: URL; isOwn: boolean };

/**
 * Where a link or redirect leads, seen from the request that brought it.
 *
 * @throws PermanentError `ORIGIN_REFUSED` for another origin that the source does not allow, and for what is no http(s) address
 */
export function targetOf(source: Source, link: string, from: URL): Target {
  const url = URL.parse(link, from.href);
  const own = new URL(source.baseUrl).origin;
  if (url === null || !/^https?:$/.test(url.protocol)) throw refused("an address that is not http(s)", own);
  url.hash = "";
  if (url.origin === own) return { url: withoutAccount(url), isOwn: true };
  const isAllowed = source.allowedOrigins.some((allowed) => URL.parse(allowed)?.origin === url.origin);
  if (!isAllowed) throw refused(`another origin, ${url.origin}`, own);
  return { url: withoutAccount(url), isOwn: false };
}

function refused(where: string, own: string): PermanentError {
  return new PermanentError("ORIGIN_REFUSED", `a link or redirect of ${own} leads to ${where}, and is not followed`);
}

function withoutAccount(url: URL): URL {
  url.username = "";
  url.password = "";
  return url;
}
