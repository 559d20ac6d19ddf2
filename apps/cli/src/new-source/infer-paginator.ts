import type { JsonValue } from "@penstock/core/json";
import { fieldsBeside } from "./infer-records.ts";
import type { Sample } from "./sample.ts";

/** A paginator as source text. */
export type InferredPaginator = {
  /** The call; `undefined` where one request brings all. */
  code: string | undefined;
  importLine: string | undefined;
  /** Parameters of the address that it sets, and the file's query therefore does not. */
  parameters: string[];
  /** Why this one. */
  reason: string;
};

export type PagingClues = {
  sample: Sample;
  recordsPath: readonly string[];
  /** Parameters of the sample's address. */
  query: Record<string, string>;
  /** The key's field, where it is a single one of the raw record. */
  key: string | undefined;
  /** Whether the records have a field that rises with each change, sorted oldest first in the sample. */
  isSortedByChange: boolean;
};

const sinceName =
  /^(since|updated_?(since|after|from)|modified_?(since|after)|changed_?since|start_?time|last_?modified)$/i;
const limitName = /^(limit|per_?page|page_?size|size|count|top|max_?results)$/i;
const pageName = /^(page|p|page_?number|page\[number\])$/i;
const offsetName = /^(offset|skip|start|start_?index|startAt)$/i;
const tokenParameter = /^(cursor|after|page_?token|starting_after|continuation_?token|bookmark)$/i;
const nextUrlName = /^(next|next_?(page_?)?(url|link|uri|href)|@odata\.nextLink)$/i;
const tokenName = /^(next_?(page_?)?(token|cursor|key)|continuation_?token|cursor|end_?cursor|after)$/i;
const hasMoreName = /^(has_?(more|next|next_?page)|more)$/i;

const attempts = [byLinkHeader, byNextUrl, byToken, byLastRecord, byPageNumber, byOffset, byKeyset];

/** How the API pages, as far as one response and its address tell; the surest sign first. */
export function inferPaginator(clues: PagingClues): InferredPaginator {
  for (const attempt of attempts) {
    const found = attempt(clues);
    if (found !== undefined) return found;
  }
  return {
    code: undefined,
    importLine: undefined,
    parameters: [],
    reason: "nothing in the response or its address says that there are more pages",
  };
}

function byLinkHeader({ sample, query }: PagingClues): InferredPaginator | undefined {
  if (!/rel="?next"?/i.test(sample.headers["link"] ?? "")) return undefined;
  return paginator(
    "linkHeader",
    "links",
    sinceOption(query),
    query,
    [sinceName],
    "the response has a Link header with rel=next",
  );
}

function byNextUrl({ sample, recordsPath, query }: PagingClues): InferredPaginator | undefined {
  const found = beside(sample.body, recordsPath, (name, value, path) => {
    const isHref = name === "href" && nextUrlName.test(path.at(-2) ?? "");
    return (nextUrlName.test(name) || isHref) && (value === null ? name !== "next_cursor" : isAddress(value));
  });
  if (found === undefined) return undefined;
  const options = [`path: ${quoted(pathText(found.path))}`, ...sinceOption(query)];
  return paginator(
    "nextUrl",
    "links",
    options,
    query,
    [sinceName],
    `the address of the next page stands at ${pathText(found.path)}`,
  );
}

function isAddress(value: JsonValue): boolean {
  return typeof value === "string" && /^(https?:\/\/|\/|\?)/.test(value);
}

function byToken({ sample, recordsPath, query }: PagingClues): InferredPaginator | undefined {
  const isToken = (value: JsonValue) => value === null || typeof value === "string" || typeof value === "number";
  const found = beside(sample.body, recordsPath, (name, value) => tokenName.test(name) && isToken(value));
  if (found === undefined) return undefined;
  const parameter =
    Object.keys(query).find((name) => tokenParameter.test(name)) ?? parameterFor(found.path.at(-1) ?? "");
  const options = [
    `from: { body: ${quoted(pathText(found.path))} }`,
    `to: { query: ${quoted(parameter)} }`,
    ...hasMoreOption(sample.body, recordsPath),
    ...sinceOption(query),
  ];
  const reason = `${pathText(found.path)} is a token for the next page; that it goes into "${parameter}" is a guess by its name`;
  return paginator("token", "token", options, query, [tokenParameter, sinceName], reason);
}

/** `nextPageToken` goes into `pageToken`, `next_cursor` into `cursor`. */
function parameterFor(name: string): string {
  const bare = name.replace(/^(next|end)_?/i, "");
  return bare === "" ? "cursor" : bare.charAt(0).toLowerCase() + bare.slice(1);
}

function byLastRecord({ sample, recordsPath, query, key }: PagingClues): InferredPaginator | undefined {
  const hasMore = hasMoreOption(sample.body, recordsPath);
  const isElse = Object.keys(query).some((name) => pageName.test(name) || offsetName.test(name));
  if (hasMore.length === 0 || isElse || key === undefined) return undefined;
  const parameter = Object.keys(query).find((name) => tokenParameter.test(name)) ?? "starting_after";
  const options = [
    `from: { lastRecord: ${quoted(key)} }`,
    `to: { query: ${quoted(parameter)} }`,
    ...hasMore,
    ...sinceOption(query),
  ];
  const reason = `the response says whether there is more; that the last ${key} goes into "${parameter}" is a guess`;
  return paginator("token", "token", options, query, [tokenParameter, sinceName], reason);
}

function byPageNumber({ sample, recordsPath, query }: PagingClues): InferredPaginator | undefined {
  const total = numberOption(sample.body, recordsPath, "totalPages", /^(total_?pages|page_?count|last_?page|pages)$/i);
  const parameter = Object.keys(query).find((name) => pageName.test(name)) ?? (total.length > 0 ? "page" : undefined);
  if (parameter === undefined) return undefined;
  const options = [
    ...(parameter === "page" ? [] : [`page: { query: ${quoted(parameter)} }`]),
    ...(query[parameter] === "0" ? ["firstPage: 0"] : []),
    ...total,
    ...hasMoreOption(sample.body, recordsPath),
    ...sinceOption(query),
  ];
  const reason = `pages are numbered (parameter "${parameter}")`;
  return paginator("pageNumber", "page-number", options, { ...query, [parameter]: "1" }, [pageName, sinceName], reason);
}

function byOffset({ query }: PagingClues): InferredPaginator | undefined {
  const parameter = Object.keys(query).find((name) => offsetName.test(name));
  const [limit, pageSize] = limitOf(query);
  if (parameter === undefined || limit === undefined) return undefined;
  const options = [
    ...(parameter === "offset" ? [] : [`offset: ${quoted(parameter)}`]),
    ...(limit === "limit" ? [] : [`limit: ${quoted(limit)}`]),
    ...(query[parameter] === "1" ? ["firstOffset: 1"] : []),
    `pageSize: ${Math.max(pageSize, 2)}`,
    ...sinceOption(query),
  ];
  const reason = `the address has an offset ("${parameter}") and a limit ("${limit}")`;
  return paginator("offset", "offset", options, query, [offsetName, limitName, sinceName], reason);
}

function byKeyset({ query, isSortedByChange }: PagingClues): InferredPaginator | undefined {
  const since = Object.keys(query).find((name) => sinceName.test(name));
  const [limit, pageSize] = limitOf(query);
  if (since === undefined || limit === undefined || !isSortedByChange) return undefined;
  const options = [
    ...(since === "since" ? [] : [`since: ${quoted(since)}`]),
    ...(limit === "limit" ? [] : [`limit: ${quoted(limit)}`]),
    `pageSize: ${pageSize}`,
  ];
  const reason = `the address has "${since}" and "${limit}", and the records are sorted by their last change`;
  return paginator("keyset", "keyset", options, query, [limitName, sinceName], reason);
}

function paginator(
  name: string,
  file: string,
  options: string[],
  query: Record<string, string>,
  handled: RegExp[],
  reason: string,
): InferredPaginator {
  const parameters = Object.keys(query).filter((parameter) => handled.some((pattern) => pattern.test(parameter)));
  const [only = "", ...more] = options;
  const inline = only === "" ? `${name}()` : `${name}({ ${only} })`;
  const code = more.length === 0 ? inline : `${name}({\n${options.map((option) => `  ${option},`).join("\n")}\n})`;
  return { code, importLine: `import { ${name} } from "@penstock/source/paginators/${file}";`, parameters, reason };
}

function limitOf(query: Record<string, string>): [name: string | undefined, pageSize: number] {
  const found = Object.entries(query).find(([name, value]) => limitName.test(name) && Number(value) > 0);
  return found === undefined ? [undefined, 0] : [found[0], Number(found[1])];
}

function sinceOption(query: Record<string, string>): string[] {
  const name = Object.keys(query).find((parameter) => sinceName.test(parameter));
  return name === undefined ? [] : [`since: ${quoted(name)}`];
}

function hasMoreOption(body: JsonValue, recordsPath: readonly string[]): string[] {
  const found = beside(body, recordsPath, (name, value) => hasMoreName.test(name) && typeof value === "boolean");
  return found === undefined ? [] : [`hasMore: ${quoted(pathText(found.path))}`];
}

function numberOption(body: JsonValue, recordsPath: readonly string[], option: string, names: RegExp): string[] {
  const found = beside(body, recordsPath, (name, value) => names.test(name) && Number.isSafeInteger(value));
  return found === undefined ? [] : [`${option}: ${quoted(pathText(found.path))}`];
}

function beside(
  body: JsonValue,
  recordsPath: readonly string[],
  isWanted: (name: string, value: JsonValue, path: string[]) => boolean,
): { path: string[]; value: JsonValue } | undefined {
  for (const field of fieldsBeside(body, recordsPath))
    if (isWanted(field.path.at(-1) ?? "", field.value, field.path)) return field;
  return undefined;
}

/** Fields joined by dots; as JSONPath (RFC 9535) where a name needs quoting. */
export function pathText(path: readonly string[]): string {
  if (path.every((name) => /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name))) return path.join(".");
  return `$${path.map((name) => `['${name.replaceAll(/['\\]/g, "\\$&")}']`).join("")}`;
}

export const quoted = (text: string): string => JSON.stringify(text);
