import { expect, test } from "vitest";
import { actionFor, type ErrorRule } from "./error-rules.ts";

const answer = { status: 200, headers: { "x-state": "degraded" }, body: { error: { code: 17 }, items: [] } };
const about = (rule: Omit<ErrorRule, "action">, given = answer) => actionFor([{ ...rule, action: "failRun" }], given);

test.each<[Omit<ErrorRule, "action">, boolean]>([
  [{ status: 200 }, true],
  [{ status: [500, "2xx"] }, true],
  [{ status: "3xx" }, false],
  [{ header: { name: "X-State" } }, true],
  [{ header: { name: "x-state", is: "degraded" } }, true],
  [{ header: { name: "x-state", is: /^deg/ } }, true],
  [{ header: { name: "x-state", is: "fine" } }, false],
  [{ header: { name: "x-other" } }, false],
  [{ body: "error" }, true],
  [{ body: "error.code" }, true],
  [{ body: "errors" }, false],
  [{ body: "items" }, false],
  [{ body: (body) => Array.isArray(body) }, false],
  [{ status: 200, body: "error" }, true],
  [{ status: 500, body: "error" }, false],
])("%j", (rule, isAbout) => {
  expect(about(rule)).toBe(isAbout ? "failRun" : undefined);
});

test.each([null, false, "", []])("%j at a path says nothing", (error) => {
  expect(
    actionFor([{ body: "error", action: "failRun" }], { status: 200, headers: {}, body: { error } }),
  ).toBeUndefined();
});

test("the first rule decides, and the defaults only where none does", () => {
  const rules: ErrorRule[] = [
    { status: 404, action: "ignore" },
    { status: "4xx", action: "retry" },
  ];
  const action = (status: number) => actionFor(rules, { status, headers: {}, body: undefined });
  expect([404, 410, 500, 200].map(action)).toEqual(["ignore", "retry", "retry", undefined]);
});

test("by default, a 403 that is about a limit is one", () => {
  const action = (headers: Record<string, string>) => actionFor([], { status: 403, headers, body: undefined });
  expect(action({ "retry-after": "60" })).toBe("throttle");
  expect(action({ "x-ratelimit-remaining": "0" })).toBe("throttle");
  expect(action({ "x-ratelimit-remaining": "12" })).toBe("deadLetter");
});

test.each([
  [{ error: "over quota" }, "deadLetter"],
  [{ error: { code: 17 }, items: [] }, "deadLetter"],
  [{ errors: [{ message: "no such field" }] }, "deadLetter"],
  [{ error: null, errors: [], items: [] }, undefined],
  [{ error: 0, errors: {} }, undefined],
  [{ data: { error: "of a record" } }, undefined],
  [[{ error: "of a record" }], undefined],
])("by default a success without records that names an error is one: %j", (body, action) => {
  expect(actionFor([], { status: 200, headers: {}, body, hasRecords: () => false })).toBe(action);
  expect(actionFor([], { status: 200, headers: {}, body, hasRecords: () => true })).toBeUndefined();
});
