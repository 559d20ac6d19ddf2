import { expect, test } from "vitest";
import { custom } from "./custom.ts";
import { walkApi } from "./simulated-api.ts";

test("a function leads from page to page, with the request before", () => {
  const paginator = custom({
    first: (bound) => ({ headers: { "x-since": bound ?? "" }, body: { variables: { after: null } } }),
    next: ({ items }, asked) => (items.length === 0 ? undefined : { ...asked, body: { variables: { after: 1 } } }),
  });
  const pages = [[{ id: "a" }], []];
  const { requests, end } = walkApi(paginator, () => ({ items: pages.shift() ?? [] }), { bound: "b" });
  expect(end).toBe("end");
  expect(requests).toEqual([
    { headers: { "x-since": "b" }, body: { variables: { after: null } } },
    { headers: { "x-since": "b" }, body: { variables: { after: 1 } } },
  ]);
});
