import { PermanentError, ThrottledError, TransientError } from "@penstock/core/errors";
import { describe, expect, test } from "vitest";
import { type Answer, classifyFailure, errorFor } from "./classify.ts";
import { actionFor } from "./error-rules.ts";

const label = {
  source: "shop",
  stream: "orders",
  method: "GET",
  origin: "https://api.shop.example",
  path: "/v1/orders",
};
const answer = (status: number, more: Partial<Answer> = {}): Answer => {
  return { status, headers: {}, excerpt: "", remark: undefined, now: new Date("2026-01-31T12:00:00Z"), ...more };
};
const classify = (given: Answer) => errorFor(actionFor([], { ...given, body: undefined }), given, label);

test.each([200, 201, 204, 299])("%i is a success", (status) => expect(classify(answer(status))).toBeUndefined());

test.each([
  [408, TransientError, "SERVER_ERROR"],
  [425, TransientError, "SERVER_ERROR"],
  [500, TransientError, "SERVER_ERROR"],
  [502, TransientError, "SERVER_ERROR"],
  [503, TransientError, "SERVER_ERROR"],
  [599, TransientError, "SERVER_ERROR"],
  [429, ThrottledError, "THROTTLED"],
  [401, PermanentError, "UNAUTHORIZED"],
  [403, PermanentError, "UNAUTHORIZED"],
  [404, PermanentError, "NOT_FOUND"],
  [410, PermanentError, "NOT_FOUND"],
  [400, PermanentError, "REQUEST_REJECTED"],
  [422, PermanentError, "REQUEST_REJECTED"],
  [301, PermanentError, "UNEXPECTED_STATUS"],
  [304, PermanentError, "UNEXPECTED_STATUS"],
])("%i", (status, kind, code) => {
  const error = classify(answer(status));
  expect(error).toBeInstanceOf(kind);
  expect(error?.code).toBe(code);
  expect(error?.message).toBe(`https://api.shop.example answered ${status} to GET /v1/orders`);
  expect(error?.details).toMatchObject({ source: "shop", stream: "orders" });
});

test("Retry-After makes a pause of 429 and 503, and of nothing else", () => {
  expect(classify(answer(429, { headers: { "retry-after": "7" } }))).toMatchObject({ retryAfterMs: 7_000 });
  expect(classify(answer(503, { headers: { "retry-after": "Sat, 31 Jan 2026 12:00:09 GMT" } }))).toMatchObject({
    retryAfterMs: 9_000,
  });
  expect(classify(answer(500, { headers: { "retry-after": "7" } }))).toBeInstanceOf(TransientError);
});

test("a date in Retry-After is measured against the API's own clock", () => {
  const headers = { "retry-after": "Sat, 31 Jan 2026 13:00:09 GMT", date: "Sat, 31 Jan 2026 13:00:00 GMT" };
  expect(classify(answer(429, { headers }))).toMatchObject({ retryAfterMs: 9_000 });
});

test("a redirect names where to, without its query", () => {
  const redirect = (location: string) => classify(answer(302, { headers: { location } }))?.message;
  expect(redirect("https://evil.example/x?token=1")).toMatch(
    /a redirect to another origin, https:\/\/evil\.example, which is not followed$/,
  );
  expect(redirect("/login?next=1")).toMatch(/a redirect to \/login of the same origin, which/);
  expect(redirect("http://[")).toMatch(/what is no URL/);
});

test("a rejected request shows what the API said and what the paginator has to say", () => {
  const error = classify(answer(422, { excerpt: "limit too big", remark: "the limit was raised" }));
  expect(error?.message).toBe(
    'https://api.shop.example answered 422 to GET /v1/orders: "limit too big" (the limit was raised)',
  );
});

describe("a connection that fails is transient", () => {
  const failure = (code: string, cause?: unknown) => Object.assign(new Error("something", { cause }), { code });
  test.each([
    ["ENOTFOUND", "waiting", "CONNECTION_FAILED"],
    ["EAI_AGAIN", "waiting", "CONNECTION_FAILED"],
    ["ECONNREFUSED", "waiting", "CONNECTION_FAILED"],
    ["ECONNRESET", "waiting", "CONNECTION_FAILED"],
    ["UND_ERR_SOCKET", "waiting", "CONNECTION_FAILED"],
    ["CERT_HAS_EXPIRED", "waiting", "CONNECTION_FAILED"],
    ["UND_ERR_CONNECT_TIMEOUT", "waiting", "TIMEOUT"],
    ["UND_ERR_HEADERS_TIMEOUT", "waiting", "TIMEOUT"],
    ["UND_ERR_BODY_TIMEOUT", "reading", "TIMEOUT"],
    ["ETIMEDOUT", "waiting", "TIMEOUT"],
    ["ECONNRESET", "reading", "BODY_INCOMPLETE"],
    ["UND_ERR_SOCKET", "reading", "BODY_INCOMPLETE"],
    ["Z_BUF_ERROR", "reading", "BODY_INCOMPLETE"],
  ] as const)("%s while %s", (code, progress, expected) => {
    const error = classifyFailure(failure(code), progress, label);
    expect(error).toMatchObject({ code: expected, message: expect.stringContaining("api.shop.example") });
    expect(error.message).toContain(code);
  });

  test("the code is found down the causes", () => {
    expect(
      classifyFailure(new Error("fetch failed", { cause: failure("ENOTFOUND") }), "waiting", label).message,
    ).toContain("DNS knows no such host");
    expect(classifyFailure("gone", "waiting", label).message).toContain("unknown");
  });
});
