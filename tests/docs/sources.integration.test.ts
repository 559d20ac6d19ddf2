import { createPageFetcher } from "@penstock/source/fetch-page";
import { type LoadedSources, loadSources } from "@penstock/source/load-sources";
import type { Source, Stream } from "@penstock/source/model";
import { createTransformer } from "@penstock/source/transform";
import { viewColumns } from "@penstock/source/view-columns";
import { type LoopbackServer, sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { testDir } from "@penstock/testing/temp-dir";
import { typeCheck, writeSources } from "@penstock/testing/type-check";
import { expect, test } from "vitest";
import { codeBlocks, readPage, section, tableRows } from "./markdown.ts";

type Item = { updated_at: string; [field: string]: unknown };
type Api = { path: string; limit: string; token: string; body: (items: Item[]) => unknown };

/** An API that pages by `since`, with the records at it, 100 at most at once. */
function startApi(items: Item[], { path, limit, token, body }: Api): Promise<LoopbackServer> {
  return startLoopbackServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://loopback");
    const isKnown = url.pathname === path && request.headers.authorization === `Bearer ${token}`;
    if (!isKnown) return sendJson(response, 404, "{}");
    const since = Date.parse(url.searchParams.get("since") ?? "1970-01-01T00:00:00Z");
    const matching = items.filter(({ updated_at }) => Date.parse(updated_at) >= since);
    sendJson(
      response,
      200,
      JSON.stringify(body(matching.slice(0, Math.min(100, Number(url.searchParams.get(limit)))))),
    );
  });
}

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString().replace(".000", "");

/** Fetches and transforms every page of a stream, from the beginning. */
async function readAll(source: Source, stream: Stream): Promise<{ keys: Set<string>; pages: number; data: unknown[] }> {
  const fetcher = createPageFetcher(source);
  const transform = createTransformer(source, stream);
  const seen = { keys: new Set<string>(), pages: 0, data: [] as unknown[] };
  const { signal } = new AbortController();
  for (let position = stream.paginator.start(null); ; seen.pages++) {
    const page = await fetcher.fetch(stream, position, { signal });
    for (const item of page.items) {
      const made = transform(item, { fetchedAt: new Date() });
      for (const { key, data } of made.kind === "records" ? made.records : []) {
        seen.keys.add(key);
        seen.data.push(JSON.parse(data));
      }
    }
    if (page.next.kind !== "next") break;
    position = page.next.position;
  }
  await fetcher.close();
  return seen;
}

/** The first TypeScript block of a page, as a source in a folder of its own. */
async function sourceOf(
  path: string,
): Promise<{ dir: string; code: string; load: (env: Record<string, string>) => Promise<LoadedSources> }> {
  const [code = ""] = codeBlocks(await readPage(path), "ts");
  const dir = await testDir();
  const sources = await writeSources(dir, { "example.ts": code });
  return { dir, code, load: (env) => loadSources(sources, env) };
}

test("the README's source has about twenty lines, type-checks and reads an API of its shape", async () => {
  const { dir, code, load } = await sourceOf("README.md");
  expect(code.split("\n").filter((line) => line !== "").length).toBeLessThanOrEqual(24);
  expect(await typeCheck(dir)).toBe("");

  const issues = Array.from({ length: 250 }, (_, i) => ({
    number: i + 1,
    title: `issue ${i}`,
    state: "open",
    updated_at: at(Math.floor(i / 3)),
    user: null,
  }));
  await using api = await startApi(issues, {
    path: "/repos/nodejs/node/issues",
    limit: "per_page",
    token: "secret",
    body: (items) => items,
  });
  const loaded = await load({ GITHUB_TOKEN: "secret", GITHUB_URL: api.url });
  expect(loaded).toMatchObject({ problems: [], unconfigured: [] });
  const [source] = loaded.sources;
  const stream = source?.streams["issues"];
  if (source === undefined || stream === undefined) throw new Error("the README's source has no stream issues");
  expect(viewColumns(stream).map(({ name, type }) => `${name} ${type}`)).toEqual([
    "number integer",
    "title text",
    "state text",
    "updated_at timestamp",
  ]);
  const { keys, pages } = await readAll(source, stream);
  expect(keys.size).toBe(250);
  expect(pages).toBeGreaterThan(1);
});

test("the source of docs/adding-a-source.md type-checks and reads an API of its shape", async () => {
  const { dir, load } = await sourceOf("docs/adding-a-source.md");
  expect(await typeCheck(dir)).toBe("");

  const orders = Array.from({ length: 150 }, (_, i) => ({
    id: i,
    status: "paid",
    total_cents: 1250,
    updated_at: at(i),
  }));
  await using api = await startApi(orders, {
    path: "/v1/orders",
    limit: "limit",
    token: "secret",
    body: (items) => ({ data: items }),
  });
  const loaded = await load({ SHOP_TOKEN: "secret", SHOP_URL: `${api.url}/v1` });
  expect(loaded).toMatchObject({ problems: [], unconfigured: [] });
  const [source] = loaded.sources;
  const stream = source?.streams["orders"];
  if (source === undefined || stream === undefined) throw new Error("the source has no stream orders");
  const { keys, data } = await readAll(source, stream);
  expect(keys.size).toBe(150);
  expect(data[0]).toEqual({ id: 0, status: "paid", total: 12.5, updated_at: at(0) });
});

test("a source whose variables are missing is listed as not configured", async () => {
  const { load } = await sourceOf("README.md");
  const { sources, unconfigured } = await load({});
  expect(sources).toEqual([]);
  expect(unconfigured).toEqual([{ name: "nodejs", problems: ["GITHUB_TOKEN is not set"] }]);
});

/** Where the options of each table of the reference are declared, as a type whose keys they are. */
const optionTypes: Record<string, string> = {
  defineSource: `SourceOptions & EnvironmentOptions<z.ZodObject>`,
  defineStream: `Parameters<typeof defineStream>[0]`,
  parent: `ParentOptions<ParentFields>`,
  cursor: `CursorOptions`,
  keyset: `KeysetOptions`,
  offset: `OffsetOptions`,
  pageNumber: `PageNumberOptions`,
  token: `TokenOptions`,
  linkHeader: `LinkHeaderOptions`,
  nextUrl: `NextUrlOptions`,
  timeWindows: `WindowOptions`,
  custom: `CustomOptions`,
};

test("the reference has exactly the options that the types have", async () => {
  const page = section(await readPage("docs/source-reference.md"), "Options");
  const checks = Object.entries(optionTypes).map(([heading, type]) => {
    const names = tableRows(section(page, heading)).map(([name]) => JSON.stringify(name));
    return `export const optionsOf_${heading}: Same<keyof (${type}), ${names.join(" | ")}> = true;`;
  });
  const code = [
    `import type { CursorOptions } from "@penstock/source/cursor-field";`,
    `import type { defineStream, EnvironmentOptions, SourceOptions } from "@penstock/source/define-source";`,
    `import type { CustomOptions } from "@penstock/source/paginators/custom";`,
    `import type { KeysetOptions } from "@penstock/source/paginators/keyset";`,
    `import type { LinkHeaderOptions, NextUrlOptions } from "@penstock/source/paginators/links";`,
    `import type { OffsetOptions } from "@penstock/source/paginators/offset";`,
    `import type { PageNumberOptions } from "@penstock/source/paginators/page-number";`,
    `import type { TokenOptions } from "@penstock/source/paginators/token";`,
    `import type { WindowOptions } from "@penstock/source/paginators/windows";`,
    `import type { ParentFields, ParentOptions } from "@penstock/source/parent";`,
    `import type { z } from "zod";`,
    `type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : { missing: Exclude<B, A> }) : { undocumented: Exclude<A, B> };`,
    ...checks,
  ];
  const dir = await testDir();
  await writeSources(dir, { "reference.ts": code.join("\n") });
  expect(await typeCheck(dir)).toBe("");
});

test("every recipe of the cookbook type-checks and loads", async () => {
  const recipes = codeBlocks(await readPage("docs/cookbook.md"), "ts");
  expect(recipes.length).toBeGreaterThan(12);
  const dir = await testDir();
  const sources = await writeSources(dir, Object.fromEntries(recipes.map((code, i) => [`recipe_${i}.ts`, code])));
  expect(await typeCheck(dir)).toBe("");
  const loaded = await loadSources(sources, { RECIPE_KEY: "k", RECIPE_CLIENT_ID: "i", RECIPE_CLIENT_SECRET: "s" });
  expect(loaded.problems).toEqual([]);
  expect(loaded.sources).toHaveLength(recipes.length);
});
