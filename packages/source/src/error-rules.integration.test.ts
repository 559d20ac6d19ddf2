import { PermanentError, ThrottledError, TransientError } from "@penstock/core/errors";
import { expect, test } from "vitest";
import type { ErrorAction } from "./error-rules.ts";
import { createPageFixture, failure } from "./page-fixture.ts";

const declared = '{"error":{"message":"quota of key s3cret is used up"},"items":[]}';

test.each<[ErrorAction, unknown, string]>([
  ["retry", TransientError, "SERVER_ERROR"],
  ["throttle", ThrottledError, "THROTTLED"],
  ["refreshToken", PermanentError, "ANSWERED_ERROR"],
  ["deadLetter", PermanentError, "ANSWERED_ERROR"],
  ["failRun", PermanentError, "RUN_REFUSED"],
])("a 200 with an error in it: %s", async (action, kind, code) => {
  await using fixture = createPageFixture();
  const { url } = await fixture.serve((_request, response) => response.end(declared));
  const error = await failure(fixture.fetchFrom(url, { errors: [{ status: 200, body: "error", action }] }));
  expect(error).toBeInstanceOf(kind);
  expect(error).toMatchObject({ code, details: { source: "shop", stream: "items", status: 200 } });
  expect(error.message).toContain("quota of key");
});

test.each(["items", () => []])(
  "a 200 with an error in it and no records is an error though no rule says so, and says what the API said",
  async (records) => {
    await using fixture = createPageFixture();
    const { url } = await fixture.serve((_request, response) => response.end(declared));
    const error = await failure(fixture.fetchFrom(url, { stream: { records } }));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error).toMatchObject({ code: "ANSWERED_ERROR", message: expect.stringContaining("quota of key") });
  },
);

test("one that names an error beside its records is a page", async () => {
  await using fixture = createPageFixture();
  const { url } = await fixture.serve((_request, response) => response.end('{"errors":["old"],"items":[{"id":"a"}]}'));
  expect(await fixture.fetchFrom(url)).toMatchObject({ items: [{ id: "a" }] });
});

test("a 200 with an error in it that is to be ignored is an empty page, and the last", async () => {
  await using fixture = createPageFixture();
  const { url } = await fixture.serve((_request, response) => response.end('{"error":"none today"}'));
  const page = await fixture.fetchFrom(url, { errors: [{ body: "error", action: "ignore" }] });
  expect(page).toMatchObject({ items: [], next: { kind: "end" }, status: 200 });
});

test("a stream's rules come before the source's", async () => {
  await using fixture = createPageFixture();
  const { url } = await fixture.serve((_request, response) => response.writeHead(404).end());
  const stream = { errors: [{ status: 404, action: "ignore" }] } as const;
  const page = await fixture.fetchFrom(url, { errors: [{ status: "4xx", action: "retry" }], stream });
  expect(page).toMatchObject({ items: [], status: 404 });
});

test("204 is an empty page", async () => {
  await using fixture = createPageFixture();
  const { url } = await fixture.serve((_request, response) => response.writeHead(204).end());
  expect(await fixture.fetchFrom(url)).toMatchObject({ items: [], next: { kind: "end" }, status: 204 });
});

test("a throttle without Retry-After waits until the window ends", async () => {
  await using fixture = createPageFixture();
  const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "42" };
  const { url } = await fixture.serve((_request, response) => response.writeHead(429, headers).end());
  expect(await failure(fixture.fetchFrom(url))).toMatchObject({ code: "THROTTLED", retryAfterMs: 42_000 });
});

test("an error rule can look at the body of an answer that is an error", async () => {
  await using fixture = createPageFixture();
  const { url } = await fixture.serve((_request, response) => response.writeHead(400).end('{"code":"too_fast"}'));
  const errors = [
    { status: 400, body: (body: unknown) => JSON.stringify(body).includes("too_fast"), action: "throttle" },
  ] as const;
  expect(await failure(fixture.fetchFrom(url, { errors }))).toBeInstanceOf(ThrottledError);
});
