import { afterEach, describe, expect, test } from "vitest";
import { type ExternalApi, type ExternalApiOptions, type ExternalRecord, startExternalApi } from "./external-api.ts";
import { startUsgsReplay, type UsgsReplay } from "./usgs-replay.ts";

describe("external API", () => {
  let api: ExternalApi | undefined;
  afterEach(() => api?.close());

  async function get(options: ExternalApiOptions, query: string, headers: Record<string, string> = {}) {
    await api?.close();
    api = await startExternalApi(options);
    const response = await fetch(`${api.url}/data?${query}`, { headers });
    const body: { items?: ExternalRecord[] } = JSON.parse(await response.text());
    return { status: response.status, ids: body.items?.map(({ id }) => id) };
  }

  const records = [3, 1, 2, 2].map((second, i) => ({ id: `r${i}`, ts: `2026-01-01T00:00:0${second}Z`, value: i }));

  test("sorted, limited, since exclusive or inclusive, capped", async () => {
    expect(await get({ records }, "limit=10")).toEqual({ status: 200, ids: ["r1", "r2", "r3", "r0"] });
    expect(await get({ records }, "limit=2")).toMatchObject({ ids: ["r1", "r2"] });
    expect(await get({ records }, "limit=10&since=2026-01-01T00:00:02Z")).toMatchObject({ ids: ["r0"] });
    expect(await get({ records, since: "inclusive" }, "limit=10&since=2026-01-01T00:00:02Z")).toMatchObject({
      ids: ["r2", "r3", "r0"],
    });
    expect(await get({ records, cap: 1 }, "limit=10")).toMatchObject({ ids: ["r1"] });
  });

  test("refuses what is wrong, and what a test wants it to", async () => {
    expect(await get({ records }, "limit=none")).toMatchObject({ status: 400 });
    expect(await get({ records, token: "t" }, "limit=1")).toMatchObject({ status: 401 });
    expect(await get({ records, token: "t" }, "limit=1", { authorization: "Bearer t" })).toMatchObject({ status: 200 });
    expect(await get({ records, fault: (n) => (n === 0 ? { status: 503 } : undefined) }, "limit=1")).toMatchObject({
      status: 503,
    });
    expect(api?.requests).toEqual([{ limit: "1", since: null, status: 503, given: 0 }]);
  });

  test("generates the same records each time, and gives those added later", async () => {
    expect(await get({ records: 5, sameTimestamp: { from: 1, count: 3 } }, "limit=10")).toMatchObject({
      ids: [0, 1, 2, 3, 4].map((n) => `rec-000000${n}`),
    });
    expect(new Set(api?.records.map(({ ts }) => ts)).size).toBe(3);
    api?.add([{ id: "early", ts: "2020-01-01T00:00:00Z", value: 1 }]);
    expect(api?.records[0]?.id).toBe("early");
  });
});

describe("USGS replay", () => {
  let replay: UsgsReplay | undefined;
  afterEach(() => replay?.close());

  async function get(query: string) {
    replay = await startUsgsReplay();
    return fetch(`${replay.url}/query?${query}`);
  }

  test.each([
    ["format=geojson&orderby=time-asc&limit=0", 'Bad limit value "0". Valid values are between 1 and 20000.'],
    ["format=geojson&orderby=time-asc&offset=0", 'Bad offset value "0".'],
    ["format=geojson&orderby=time-asc&updatedafter=soon", 'Bad updatedafter value "soon".'],
    ["format=xml&orderby=time-asc", 'Bad format value "xml".'],
    ["format=geojson&orderby=time-asc&since=1", 'Unknown parameter "since".'],
  ])("%s is refused as the real API does", async (query, problem) => {
    const response = await get(query);
    expect(response.status).toBe(400);
    const text = await response.text();
    expect(text).toContain("Error 400: Bad Request");
    expect(text).toContain(problem);
  });

  test("offset counts from one, and the answer has the API's clock", async () => {
    const response = await get("format=geojson&orderby=time-asc&limit=2&offset=1707");
    const { features, metadata }: { features: unknown[]; metadata: object } = JSON.parse(await response.text());
    expect(features).toHaveLength(1);
    expect(metadata).toMatchObject({ count: 1, offset: 1707, limit: 2 });
    expect(Date.parse(response.headers.get("date") ?? "")).toBeGreaterThan(0);
  });
});
