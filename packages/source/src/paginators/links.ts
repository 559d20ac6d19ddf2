import LinkHeader from "http-link-header";
import { z } from "zod";
import type { JsonPath } from "../json-path.ts";
import type { NextPage, PageSeen, Paginator } from "../paginator.ts";
import { recordSelector } from "../record-selector.ts";
import { type Since, sinceRequest, sinceText } from "./since.ts";

export type LinkHeaderOptions = {
  /** Response header that holds the links (RFC 8288), default `link`. */
  header?: string;
  /** Relation of the next page's link, default `next`. */
  rel?: string;
  since?: Since;
};

export type NextUrlOptions = {
  /** Path in the body of the next page's address, or a JSONPath where a name has dots: `$['@odata.nextLink']`. */
  path: JsonPath;
  since?: Since;
};

/** Follows the link to the next page in a response header, as RFC 8288 writes it. Ends where there is none. */
export function linkHeader({ header = "link", rel = "next", since }: LinkHeaderOptions = {}): Paginator {
  return following("link-header", since, ({ headers }) => {
    const text = headers[header.toLowerCase()];
    return text === undefined ? undefined : linkOf(text, rel);
  });
}

/** Follows the address of the next page in the body, absolute or relative. Ends where there is none. */
export function nextUrl({ path, since }: NextUrlOptions): Paginator {
  const read = recordSelector(path);
  return following("next-url", since, ({ body }) => {
    const link = body === undefined ? undefined : read(body);
    return link === undefined || link === null || link === "" ? undefined : String(link);
  });
}

const positionSchema = z.object({ url: z.string().nullable(), since: z.string().nullable() });

function following(
  kind: string,
  since: Since | undefined,
  linkIn: (page: PageSeen) => string | null | undefined,
): Paginator {
  return {
    kind,
    start: (bound, cursor) => ({ url: null, since: sinceText(since, bound, cursor) }),
    request: (position) => {
      const { url, since: text } = positionSchema.parse(position);
      return url === null ? sinceRequest(since, text) : { url };
    },
    next: (_position, page) => follow(linkIn(page), page.url),
  };
}

/** `null`: there is something, and it cannot be read. */
function follow(link: string | null | undefined, base: string): NextPage {
  if (link === undefined) return { kind: "end" };
  const url = link === null ? null : URL.parse(link, base);
  if (url === null) return { kind: "incomplete", code: "NEXT_INVALID" };
  return { kind: "next", position: { url: url.href, since: null } };
}

function linkOf(header: string, rel: string): string | null | undefined {
  try {
    return LinkHeader.parse(header).rel(rel)[0]?.uri;
  } catch {
    // What the library says of it names no cause that would help; the run ends with a code of its own.
    return null;
  }
}
