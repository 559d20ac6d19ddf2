import { isJsonObject, type JsonValue } from "@penstock/core/json";
import { type JsonPath, jsonPathReader, readField } from "./json-path.ts";

/**
 * What is done about an answer:
 *
 * | action         | the page                                                                  | attempt spent |
 * | -------------- | ------------------------------------------------------------------------- | ------------- |
 * | `retry`        | is fetched again with backoff; after the last attempt as `deadLetter`      | yes           |
 * | `throttle`     | is fetched again after the pause that the API asks for; the source waits   | no            |
 * | `refreshToken` | is fetched again at once with new credentials; the second time `deadLetter` | no            |
 * | `ignore`       | is empty, and the last of its run                                         |               |
 * | `deadLetter`   | becomes a dead letter; the run has failed and the bound stays              |               |
 * | `failRun`      | is dropped; the run has failed and the bound stays                         |               |
 */
export type ErrorAction = "retry" | "throttle" | "refreshToken" | "ignore" | "deadLetter" | "failRun";

export type StatusPattern = number | "1xx" | "2xx" | "3xx" | "4xx" | "5xx";

/** Which answers it is about – all the conditions given must hold – and what is done about them. */
export type ErrorRule = {
  status?: StatusPattern | readonly StatusPattern[];
  /** A header that is there, or that has a certain value. */
  header?: { name: string; is?: string | RegExp };
  /** A path at which the JSON body says something (not nothing, `null`, `false`, `""` or `[]`), or a function. */
  body?: JsonPath | ((body: JsonValue) => boolean);
  action: ErrorAction;
};

export type RuledAnswer = {
  status: number;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  /** `undefined` where the body is not JSON. */
  body: JsonValue | undefined;
  /** Whether it brings records; `undefined` where none are looked for. */
  hasRecords?: () => boolean;
};

/** Hold where the rules of neither stream nor source say anything. An answer that no rule is about is a success. */
const defaultRules: readonly ErrorRule[] = [
  { status: 204, action: "ignore" },
  { status: 429, action: "throttle" },
  { status: [403, 503], header: { name: "retry-after" }, action: "throttle" },
  { status: 403, header: { name: "x-ratelimit-remaining", is: "0" }, action: "throttle" },
  { status: 403, header: { name: "ratelimit-remaining", is: "0" }, action: "throttle" },
  { status: ["5xx", 408, 425], action: "retry" },
  { status: 401, action: "refreshToken" },
  { status: ["1xx", "3xx", "4xx"], action: "deadLetter" },
];

/** The action of the first rule that is about the answer, or `undefined` for a success. */
export function actionFor(rules: readonly ErrorRule[], answer: RuledAnswer): ErrorAction | undefined {
  const rule = [...rules, ...defaultRules].find((each) => isAbout(each, answer));
  return rule?.action ?? (isErrorInstead(answer) ? "deadLetter" : undefined);
}

/** A success that names an error and brings no records is no empty page: for a run that took it for one, there would be nothing more. */
function isErrorInstead({ status, body, hasRecords }: RuledAnswer): boolean {
  if (!isStatus("2xx", status) || hasRecords === undefined || !isJsonObject(body)) return false;
  return ["error", "errors"].some((name) => namesError(readField(body, name))) && !hasRecords();
}

function namesError(said: JsonValue | undefined): boolean {
  return isJsonObject(said) ? Object.keys(said).length > 0 : said !== 0 && saysSomething(said);
}

function isAbout({ status, header, body }: ErrorRule, answer: RuledAnswer): boolean {
  return (
    (status === undefined || [status].flat().some((pattern) => isStatus(pattern, answer.status))) &&
    (header === undefined || isHeader(header, answer.headers[header.name.toLowerCase()])) &&
    (body === undefined || (answer.body !== undefined && isBody(body, answer.body)))
  );
}

function isStatus(pattern: StatusPattern, status: number): boolean {
  return typeof pattern === "number" ? pattern === status : pattern === `${Math.floor(status / 100)}xx`;
}

function isHeader({ is }: { is?: string | RegExp }, value: string | undefined): boolean {
  if (value === undefined) return false;
  return is === undefined || (typeof is === "string" ? is === value : is.test(value));
}

function isBody(condition: NonNullable<ErrorRule["body"]>, body: JsonValue): boolean {
  if (typeof condition === "function") return condition(body);
  return saysSomething(jsonPathReader(condition)(body));
}

function saysSomething(said: JsonValue | undefined): boolean {
  const isNothing = said === undefined || said === null || said === false || said === "";
  return !isNothing && !(Array.isArray(said) && said.length === 0);
}
