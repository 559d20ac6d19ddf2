import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSources } from "@penstock/source/load-sources";
import { sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { checkFormat, typeCheck, writeSources } from "@penstock/testing/type-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkStream } from "../probe/check-stream.ts";
import { sortCredentials } from "./credentials.ts";
import { describeSource } from "./describe-source.ts";
import { renderSource } from "./render-source.ts";
import { fetchSample } from "./sample.ts";

const signal = new AbortController().signal;
const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const all = Array.from({ length: 60 }, (_, i) => ({
  id: i + 1,
  title: `issue ${i}`,
  state: i % 3 === 0 ? "closed" : "open",
  price: i === 0 ? 1.5 : i,
  closed_at: i % 3 === 0 ? at(i) : null,
  html_url: `https://example.com/${i}`,
  user: { login: "ann", "e-mail": "ann@example.com" },
  labels: i === 1 ? [{ name: "bug" }] : [],
  ...(i % 2 === 0 && { note: "even" }),
  created_at: at(i),
  updated_at: at(100 + i),
}));

type Api = {
  /** What follows the server's address. */
  ask: string;
  header?: string[];
  answer: (query: URLSearchParams, base: string) => { body: unknown; headers?: Record<string, string> };
  allows?: (headers: Record<string, unknown>, query: URLSearchParams) => boolean;
};

const pageOf = <T>(items: T[], query: URLSearchParams, size = 20) => {
  const page = Number(query.get("page") ?? 1);
  return { page, rows: items.slice((page - 1) * size, page * size), isLast: page * size >= items.length };
};
const after = (query: URLSearchParams, name: string) => {
  const start = all.findIndex(({ id }) => String(id) === query.get(name)) + 1;
  return { rows: all.slice(start, start + 20), isLast: start + 20 >= all.length };
};

const apis: Record<string, Api> = {
  array_with_links: {
    ask: "/repos/issues?per_page=20",
    header: ["Authorization: Bearer top-s3cret", "Accept: application/vnd.api+json"],
    allows: ({ authorization }) => authorization === "Bearer top-s3cret",
    answer: (query, base) => {
      const { page, rows, isLast } = pageOf(all, query);
      const link = `<${base}/repos/issues?per_page=20&page=${page + 1}>; rel="next"`;
      return { body: rows, headers: isLast ? {} : { link } };
    },
  },
  data_with_token: {
    ask: "/v1/orders?limit=20&api_token=query-s3cret&signature=other-s3cret",
    header: ["X-Api-Key: top-s3cret"],
    allows: (headers, query) =>
      headers["x-api-key"] === "top-s3cret" &&
      query.get("api_token") === "query-s3cret" &&
      query.get("signature") === "other-s3cret",
    answer: (query) => {
      const { rows, isLast } = after(query, "cursor");
      return { body: { data: rows, meta: { next_cursor: isLast ? null : String(rows.at(-1)?.id) } } };
    },
  },
  has_more: {
    ask: "/v1/charges",
    answer: (query) => {
      const { rows, isLast } = after(query, "starting_after");
      return { body: { object: "list", data: rows, has_more: !isLast } };
    },
  },
  next_url: {
    ask: "/api/things/?page_size=20&api_key=top-s3cret",
    allows: (_, query) => query.get("api_key") === "top-s3cret",
    answer: (query, base) => {
      const { page, rows, isLast } = pageOf(all, query);
      const next = isLast ? null : `${base}/api/things/?page_size=20&page=${page + 1}`;
      return { body: { count: all.length, next, previous: null, results: rows } };
    },
  },
  odata: {
    ask: "/odata/People",
    answer: (query, base) => {
      const { page, rows, isLast } = pageOf(all, query);
      return { body: { value: rows, ...(!isLast && { "@odata.nextLink": `${base}/odata/People?page=${page + 1}` }) } };
    },
  },
  page_number: {
    ask: "/list?page=1",
    answer: (query) => {
      const { rows } = pageOf(all, query);
      return { body: { items: rows, total_pages: 3 } };
    },
  },
  geojson: {
    ask: "/query?limit=20&offset=1",
    answer: (query) => {
      const start = Number(query.get("offset")) - 1;
      const features = all.slice(start, start + Number(query.get("limit"))).map(({ id, ...properties }) => {
        return { type: "Feature", id: `f${id}`, properties, geometry: { type: "Point", coordinates: [1.5, 2] } };
      });
      return { body: { type: "FeatureCollection", features } };
    },
  },
  since_and_limit: {
    ask: "/changes?limit=20&since=2026-01-01T00:00:00Z",
    answer: (query) => {
      const since = Date.parse(query.get("since") ?? "1970-01-01T00:00:00Z");
      const rows = all.filter(({ updated_at }) => Date.parse(updated_at) >= since);
      return { body: { items: rows.slice(0, Number(query.get("limit"))) } };
    },
  },
  local_times: {
    ask: "/rows",
    answer: () => ({ body: { rows: all.map(({ id, updated_at }) => ({ id, updated: updated_at.replace("Z", "") })) } }),
  },
  one_page: {
    ask: "/countries.json?region[]=europe&region[]=asia",
    allows: (_, query) => query.getAll("region[]").join() === "europe,asia",
    answer: () => ({ body: all.map(({ id, title }) => ({ code: `C${id}`, title })) }),
  },
};

/** Where the written files of all of these APIs lie, as in a checkout. */
let dir = "";
const servers = new AsyncDisposableStack();
const written = new Map<string, { text: string; env: Record<string, string> }>();

async function serve({ answer, allows = () => true }: Api): Promise<string> {
  const server = servers.use(
    await startLoopbackServer((request, response) => {
      const base = `http://${request.headers.host}`;
      const { searchParams } = new URL(request.url ?? "/", base);
      if (!allows(request.headers, searchParams)) return sendJson(response, 401, "{}");
      const { body, headers } = answer(searchParams, base);
      return sendJson(response, 200, typeof body === "string" ? body : JSON.stringify(body), headers);
    }),
  );
  return server.url;
}

async function write(name: string, api: Api): Promise<string> {
  const url = new URL((await serve(api)) + api.ask);
  const credentials = sortCredentials(name, api.header ?? [], url);
  const sample = await fetchSample(name, url, credentials, signal);
  const text = renderSource(describeSource(name, url, credentials, sample));
  written.set(name, {
    text,
    env: Object.fromEntries(credentials.secrets.map(({ variable, value }) => [variable, value])),
  });
  return text;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "penstock-new-"));
  servers.defer(() => rm(dir, { recursive: true, force: true }));
  const files: Record<string, string> = {};
  for (const [name, api] of Object.entries(apis)) files[`${name}.ts`] = await write(name, api);
  await writeSources(dir, files);
});
afterAll(() => servers.disposeAsync());

describe.each(Object.keys(apis))("the file for %s", (name) => {
  test("passes the check as it is, and holds no secret", async () => {
    const { text = "", env = {} } = written.get(name) ?? {};
    expect(text).not.toContain("s3cret");
    const loaded = await loadSources(join(dir, "sources"), env);
    expect(loaded.problems).toEqual([]);
    const source = loaded.sources.find((one) => one.name === name);
    const [stream] = Object.values(source?.streams ?? {});
    if (source === undefined || stream === undefined) throw new Error(`${name} is not configured`);
    const findings = await checkStream(source, stream, { signal });
    expect(findings.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
    const paged = findings.find(({ check }) => check === "next page");
    expect(paged?.detail).toMatch(
      name === "one_page" || name === "local_times" ? /first page is the last/ : /brings \d+ new records/,
    );
  });
});

test("the files type-check and are formatted", async () => {
  expect(await typeCheck(dir)).toBe("");
  await checkFormat(join(dir, "sources"));
});

test("fields have the types that all values fit, and no narrower ones than the sample shows", async () => {
  const { text = "" } = written.get("array_with_links") ?? {};
  for (const line of [
    "id: z.int(),",
    "price: z.number(),",
    "closed_at: z.iso.datetime().nullable(),",
    "html_url: z.url(),",
    "note: z.string().optional(),",
    `state: z.enum(["closed", "open"]),`,
    `"e-mail": z.email(),`,
    "labels: z.array(recordLabels),",
    "auth: bearer(env.ARRAY_WITH_LINKS_TOKEN),",
    `accept: "application/vnd.api+json",`,
    `version: { field: "updated_at", kind: "timestamp" },`,
  ]) {
    expect(text).toContain(line);
  }
});

test.each([
  ["an empty list", { data: [] }],
  ["columns instead of records", { hourly: { time: ["2026-01-01"], temperature: [1] } }],
  ["records that nothing tells apart", [{ a: true }, { a: true }]],
])("%s makes no source, and the error says why", async (_, body) => {
  const url = new URL(await serve({ ask: "/", answer: () => ({ body }) }));
  const credentials = sortCredentials("odd", [], url);
  const sample = await fetchSample("odd", url, credentials, signal);
  expect(() => describeSource("odd", url, credentials, sample)).toThrowError(
    expect.objectContaining({ code: "SAMPLE_UNUSABLE", message: expect.stringContaining("source odd") }),
  );
});

test("a page for people and a refusal are told as such", async () => {
  const html = new URL(await serve({ ask: "/", answer: () => ({ body: "<html>" }) }));
  const none = { headers: {}, secrets: [] };
  await expect(fetchSample("odd", html, none, signal)).rejects.toMatchObject({ code: "BODY_NOT_JSON" });
  const closed = new URL(await serve({ ask: "/", answer: () => ({ body: [] }), allows: () => false }));
  await expect(fetchSample("odd", closed, none, signal)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
});

/** Exit code and what was printed. */
async function penstock(args: string[], sourcesDir: string): Promise<{ code: unknown; printed: string }> {
  const main = join(import.meta.dirname, "../main.ts");
  const env = { PATH: process.env["PATH"] ?? "", PENSTOCK_SOURCES_DIR: sourcesDir };
  const child = spawn(process.execPath, [main, ...args], { env, cwd: dir });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (printed += text));
  const [code] = await once(child, "close");
  return { code, printed };
}

test("the command writes no secret, does not overwrite unless forced, and refuses names that are none", async () => {
  const url = `${await serve({ ask: "/", answer: () => ({ body: all }) })}/issues`;
  const folder = join(dir, "by-command");
  const args = ["new", "shop", "--url", url, "--header", "X-Api-Key: top-s3cret"];
  const written = await penstock(args, folder);
  expect(written).toMatchObject({ code: 0, printed: expect.stringContaining("SHOP_API_KEY=…") });
  expect((await readFile(join(folder, "shop.ts"), "utf8")) + written.printed).not.toContain("s3cret");
  expect(await penstock(args, folder)).toMatchObject({ code: 2, printed: expect.stringContaining("--force") });
  expect(await penstock([...args, "--force"], folder)).toMatchObject({ code: 0 });
  expect(await penstock(["new", "My-Shop", "--url", url], folder)).toMatchObject({
    code: 2,
    printed: expect.stringContaining("try my_shop"),
  });
}, 120_000);
