import { createPageFetcher } from "@penstock/source/fetch-page";
import { previewPage } from "@penstock/source/preview";
import { streamReader } from "@penstock/source/read-stream";
import { viewColumns } from "@penstock/source/view-columns";
import { type LoopbackServer, sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { afterEach, expect, test } from "vitest";
import github from "./github.ts";

/*
 * The server behaves as the documentation says: an array per page, numbered pages in a Link header, `since` inclusive, an
 * ETag per answer, comments below their issue. No answer of the real API was recorded for this.
 */

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString().replace(".000Z", "Z");
const user = { login: "octocat", id: 1, type: "User" };

const issues = Array.from({ length: 250 }, (_, i) => ({
  id: 1_000 + i,
  number: i + 1,
  title: `issue ${i + 1}`,
  state: i % 2 === 0 ? "open" : "closed",
  state_reason: null,
  body: i === 3 ? null : "text",
  user: i === 4 ? null : user,
  labels: [{ id: 1, name: "bug", color: "f00" }],
  milestone: null,
  comments: i < 2 ? 120 : 0,
  html_url: `https://github.com/o/r/issues/${i + 1}`,
  ...(i % 5 === 0 && { pull_request: { url: "https://api.github.com/…", merged_at: at(i) } }),
  created_at: at(i),
  // Changed in another order than created.
  updated_at: at(1_000 + ((i * 7) % 250)),
  closed_at: null,
}));
const comments = Array.from({ length: 120 }, (_, i) => ({
  id: i + 1,
  body: `comment ${i + 1}`,
  user,
  html_url: `https://github.com/o/r/issues/1#issuecomment-${i + 1}`,
  created_at: at(2_000 + i),
  updated_at: at(2_000 + i),
}));

type Seen = { path: string; since: string | null; authorization: string | undefined; status: number };
let api: LoopbackServer & { seen: Seen[] };
afterEach(() => api.close());

async function startGithub(): Promise<void> {
  const seen: Seen[] = [];
  const server = await startLoopbackServer((request, response) => {
    const base = `http://${request.headers.host}`;
    const url = new URL(request.url ?? "/", base);
    const since = url.searchParams.get("since");
    const all = { "/repos/o/r/issues": issues, "/repos/o/r/issues/2/comments": comments }[url.pathname];
    const rows = all?.filter(({ updated_at }) => since === null || updated_at >= since);
    const etag = `W/"${rows?.length}-${url.search}"`;
    const status = rows === undefined ? 404 : request.headers["if-none-match"] === etag ? 304 : 200;
    seen.push({ path: url.pathname, since, authorization: request.headers.authorization, status });
    if (rows === undefined || status !== 200)
      return sendJson(response, status, status === 304 ? "" : '{"message":"Not Found"}');
    const page = Number(url.searchParams.get("page") ?? 1);
    const size = Number(url.searchParams.get("per_page") ?? 30);
    const next = new URL(url);
    next.searchParams.set("page", String(page + 1));
    const link = page * size < rows.length ? { link: `<${next.href}>; rel="next", <${base}/last>; rel="last"` } : {};
    sendJson(response, 200, JSON.stringify(rows.slice((page - 1) * size, page * size)), { etag, ...link });
  });
  api = Object.assign(server, { seen });
}

const env = () => ({ GITHUB_REPOSITORY: "o/r", GITHUB_URL: api.url, GITHUB_TOKEN: "gh-s3cret" });
const signal = new AbortController().signal;

test("every issue is read over the links, pull requests among them", async () => {
  await startGithub();
  const { read, source, stream } = streamReader(github, "issues", env());
  const { items, pages, end } = await read(null);
  expect({ items: items.length, pages, end }).toEqual({ items: 250, pages: 3, end: "end" });
  expect(new Set(api.seen.map(({ authorization }) => authorization))).toEqual(new Set(["Bearer gh-s3cret"]));
  const { records, problems } = await previewPage(source, stream, { signal });
  expect(problems).toEqual([]);
  expect(records[0]?.data).toMatchObject({
    number: 1,
    author: "octocat",
    labels: ["bug"],
    is_pull_request: true,
    commented_number: 1,
  });
  expect(records[4]?.data).toMatchObject({ author: null, is_pull_request: false, commented_number: null });
  expect(viewColumns(stream)).toContainEqual({ name: "updated_at", path: ["updated_at"], type: "timestamp" });
});

test("a later run asks for what has changed since, and reads the bound's own record again", async () => {
  await startGithub();
  const bound = at(1_200).replace("Z", ".000Z");
  const { items } = await streamReader(github, "issues", env()).read(bound);
  const expected = issues.filter(({ updated_at }) => Date.parse(updated_at) >= Date.parse(bound));
  expect(items).toEqual(expected);
  expect(Date.parse(api.seen[0]?.since ?? "")).toBeLessThan(Date.parse(bound));
});

test("an answer that nothing has changed costs nothing", async () => {
  await startGithub();
  const { source, stream } = streamReader(github, "issues", env());
  const fetcher = createPageFetcher(source);
  const position = stream.paginator.start(null, stream.cursor);
  const first = await fetcher.fetch(stream, position, { signal });
  const second = await fetcher.fetch(stream, position, { signal, validator: first.validator });
  await fetcher.close();
  expect(second).toMatchObject({ items: [], isNotModified: true });
  expect(api.seen.map(({ status }) => status)).toEqual([200, 304]);
});

test("comments are read below their issue and know its number", async () => {
  await startGithub();
  const { source, stream } = streamReader(github, "comments", env());
  const { records, page } = await previewPage(source, stream, { signal, parent: { commented_number: 2 } });
  expect(page.next.kind).toBe("next");
  expect(records).toHaveLength(100);
  expect(records[0]?.data).toMatchObject({ id: 1, issue_number: 2, body: "comment 1" });
  expect(stream.parent?.valuesOf({ commented_number: null })).toBeUndefined();
});

test("it needs the repository only", async () => {
  await startGithub();
  expect(github.configure({})).toEqual({ isConfigured: false, problems: ["GITHUB_REPOSITORY is not set"] });
  expect(github.configure({ GITHUB_REPOSITORY: "o/r" })).toMatchObject({
    isConfigured: true,
    source: { auth: { kind: "none" } },
  });
  expect(() => github.configure({ GITHUB_REPOSITORY: "https://github.com/o/r" })).toThrow(/expected owner\/name/);
});
