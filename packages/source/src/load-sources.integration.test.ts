import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadSources } from "./load-sources.ts";

let dir: string;
beforeEach(async () => {
  // Beside the code, so that the files find its packages.
  dir = await mkdtemp(join(import.meta.dirname, "../.sources-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const header = `
  import { defineSource, defineStream } from "@penstock/source/define-source";
  import { keyset } from "@penstock/source/paginators/keyset";
  import { z } from "zod";
  const schema = z.object({ id: z.string(), at: z.string() });
`;

const write = (name: string, body: string) => writeFile(join(dir, name), `${header}${body}`);
const plain = (name: string, stream = "things", options = 'key: "id"') =>
  `export default defineSource({ name: "${name}", baseUrl: "https://a.example", streams: { "${stream}": defineStream({ path: "/x", schema, ${options} }) } });`;

test("loads what is there, by name, and leaves tests alone", async () => {
  await write("b.ts", plain("beta"));
  await write("a.ts", plain("alpha"));
  await write("a.test.ts", "throw new Error('imported a test');");
  const { sources, unconfigured, problems } = await loadSources(dir, {});
  expect(sources.map(({ name }) => name)).toEqual(["alpha", "beta"]);
  expect({ unconfigured, problems }).toEqual({ unconfigured: [], problems: [] });
});

test("a folder that is not there holds none", async () => {
  expect(await loadSources(join(dir, "missing"), {})).toEqual({ sources: [], unconfigured: [], problems: [] });
});

test("a source whose variables are missing is unconfigured, one whose variables are wrong is a problem", async () => {
  const source = `export default defineSource({
    name: "shop",
    environment: z.object({ SHOP_URL: z.url() }),
    define: (env) => ({ baseUrl: env.SHOP_URL, streams: { things: defineStream({ path: "/x", schema, key: "id" }) } }),
  });`;
  await write("shop.ts", source);
  expect((await loadSources(dir, {})).unconfigured).toEqual([{ name: "shop", problems: ["SHOP_URL is not set"] }]);
  expect((await loadSources(dir, { SHOP_URL: "https://a.example" })).sources).toHaveLength(1);
  const { sources, problems } = await loadSources(dir, { SHOP_URL: "nonsense" });
  expect(sources).toEqual([]);
  expect(problems).toMatchObject([
    { code: "CONFIG_INVALID", message: 'source shop: SHOP_URL: expected an http(s) URL, received "nonsense"' },
  ]);
});

test.each([
  ["no default export", "export const x = 1;", "broken.ts has no default export made by defineSource"],
  ["a file that throws", "throw new Error('boom');", "cannot be loaded: boom"],
  ["a file that does not parse", "export default {", "cannot be loaded"],
  ["a source name that SQL would not take", plain("Shop"), 'source name "Shop"'],
  ["a stream name that SQL would not take", plain("shop", "my things"), 'stream name "my things"'],
  ["a key that the output has not", plain("shop", "things", 'key: ["id", "nr"]'), "stream things: key names nr"],
  ["no key", plain("shop", "things", "key: []"), "stream things: key names no field"],
  [
    "an event time that the output has not",
    plain("shop", "things", 'key: "id", eventTime: "when"'),
    "eventTime names when",
  ],
  [
    "a version that the output has not",
    plain("shop", "things", 'key: "id", version: { field: "rev", kind: "number" }'),
    "version names rev",
  ],
  [
    "a cron rule that is none",
    plain("shop", "things", 'key: "id", schedule: { cron: "61 * * * *", timezone: "UTC" }'),
    'source shop: stream things: schedule.cron: expected five fields, or six with seconds first, received "61 * * * *"',
  ],
  [
    "a cron rule whose day never comes",
    plain("shop", "things", 'key: "id", schedule: { cron: "0 0 30 2 *", timezone: "UTC" }'),
    'schedule.cron: expected five fields, or six with seconds first, received "0 0 30 2 *"',
  ],
  [
    "a cron rule with a field too few",
    plain("shop", "things", 'key: "id", schedule: { cron: "0 6 * *", timezone: "UTC" }'),
    'received "0 6 * *": 4 fields',
  ],
  [
    "a timezone that does not exist",
    plain("shop", "things", 'key: "id", schedule: { cron: "0 6 * * *", timezone: "Europe/Belin" }'),
    'schedule.timezone: expected a name such as Europe/Berlin or UTC, received "Europe/Belin"',
  ],
  [
    "an interval of nothing",
    plain("shop", "things", 'key: "id", schedule: { everyMs: 0 }'),
    "schedule: expected an interval of at least 1 ms, received 0 ms",
  ],
  [
    "a keyset with fewer parameters than the cursor has fields",
    plain(
      "shop",
      "things",
      'key: "id", cursor: { field: "at", thenBy: [{ field: "id", kind: "string" }] }, paginator: keyset({ pageSize: 9 })',
    ),
    "expected as many parameters as the cursor has fields, 2, received since: since",
  ],
  [
    "a query in the path",
    plain("shop").replace('path: "/x"', 'path: "/x?size=5"'),
    'source shop: stream things: path holds a query, which goes into `query`: "/x?size=5"',
  ],
  [
    "a header with a line end",
    plain("shop").replace("streams:", 'headers: { "x-tenant": "hush\\n" }, streams:'),
    "the header x-tenant has a line end at position 5 of 5",
  ],
  [
    "a token endpoint that is no address",
    plain("shop")
      .replace(
        "streams:",
        'auth: oauth2ClientCredentials({ tokenUrl: "/token", clientId: "me", clientSecret: "hush" }), streams:',
      )
      .replace(/^/, 'import { oauth2ClientCredentials } from "@penstock/source/oauth2";\n'),
    'tokenUrl: expected an http(s) URL, received "/token"',
  ],
  ["credentials in the URL", plain("shop").replace("https://", "https://me:hush@"), "baseUrl holds credentials"],
  ["no URL", plain("shop").replace("https://a.example", "a.example"), "baseUrl is no http(s) URL"],
])("%s is a problem, and the other sources load", async (_, body, message) => {
  await write("broken.ts", body);
  await write("fine.ts", plain("fine"));
  const { sources, problems } = await loadSources(dir, {});
  expect(sources.map(({ name }) => name)).toEqual(["fine"]);
  expect(problems).toHaveLength(1);
  expect(problems[0]?.message).toContain(message);
  expect(problems[0]?.message).not.toContain("hush");
});

test("two sources of one name, and two streams that want one view, are problems", async () => {
  await write("one.ts", plain("shop"));
  await write("two.ts", plain("shop", "others"));
  expect((await loadSources(dir, {})).problems[0]?.message).toContain("the source name shop is taken");
  await write("one.ts", plain("a", "b_c").replace("https://a", "https://b"));
  await write("three.ts", plain("a", "b_c"));
  await write("four.ts", plain("a_b", "c"));
  await rm(join(dir, "one.ts"));
  await rm(join(dir, "two.ts"));
  expect((await loadSources(dir, {})).problems[0]?.message).toContain(
    "the view name a_b_c is taken by another source already, a",
  );
});
