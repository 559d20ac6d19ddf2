import type { ThroughputQuery } from "@penstock/store/queries/queries";
import { expect, test } from "vitest";
import { createThroughput } from "./overview.ts";

const at = (hour: number) => new Date(Date.UTC(2026, 0, 1, hour));

test("hours that are over are summed up once, and the present one each time", async () => {
  const asked: ThroughputQuery[] = [];
  const read = createThroughput(async (query) => {
    asked.push(query);
    const point = { at: query.since, written: asked.length, deadLettered: 0 };
    return [{ source: "shop", stream: "items", points: [point] }];
  });
  const written = async (hour: number) => (await read(at(hour), at(0)))[0]?.points.map((point) => point.written);
  expect(await written(5)).toEqual([1, 2]);
  expect(await written(5)).toEqual([1, 3]);
  // The hour that is over now is one of the others.
  expect(await written(6)).toEqual([4, 5]);
  expect(asked.filter(({ until }) => until !== undefined).map(({ until }) => until)).toEqual([at(5), at(6)]);
});
