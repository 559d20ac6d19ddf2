import { readFileSync } from "node:fs";
import { ConfigError } from "@penstock/core/errors";
import { z } from "zod";
import { escapeExcerpt } from "./describe-value.ts";

export type Environment = Record<string, string | undefined>;

export type ReadEnvironment<T> =
  /** `secrets`: the values, as given, of variables that are called as secrets are. */
  { isComplete: true; values: T; secrets: string[] } | { isComplete: false; problems: string[] };

/**
 * Reads a source's own variables. Empty ones count as missing; where one is, `<NAME>_FILE` may name a file that holds it, as
 * secrets of containers come. Missing ones are returned as problems; secrets are not
 * shown: a variable whose name says TOKEN, SECRET, PASSWORD or KEY is reported without its value.
 *
 * @throws ConfigError `CONFIG_INVALID` for variables that are there but wrong, all of them in one message
 */
export function readEnvironment<E extends z.ZodObject>(
  source: string,
  schema: E,
  env: Environment,
): ReadEnvironment<z.output<E>> {
  const given = Object.fromEntries(
    Object.keys(schema.shape).flatMap((name) => {
      const value = env[name] || valueInFile(source, `${name}_FILE`, env);
      return value ? [[name, value]] : [];
    }),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return { isComplete: true, values: parsed.data, secrets: secretsIn(given) };
  const wrong = parsed.error.issues.filter(({ path }) => given[String(path[0])] !== undefined);
  if (wrong.length > 0) throw wrongVariables(source, wrong, given, parsed.error);
  return { isComplete: false, problems: parsed.error.issues.map(({ path }) => `${path.join(".")} is not set`) };
}

const secretVariable = /TOKEN|SECRET|PASSWORD|KEY/;

function secretsIn(given: Record<string, string>): string[] {
  return Object.entries(given).flatMap(([name, value]) => (secretVariable.test(name) ? [value] : []));
}

/** Without the line end that editors put there. */
function valueInFile(source: string, name: string, env: Environment): string | undefined {
  const path = env[name];
  if (!path) return undefined;
  try {
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (cause) {
    const message = `source ${source}: ${name}: expected a file that can be read, received "${escapeExcerpt(path)}"`;
    throw new ConfigError("CONFIG_INVALID", message, { source, path: name, cause });
  }
}

type Issue = z.core.$ZodIssue;

function wrongVariables(source: string, issues: Issue[], given: Environment, cause: unknown): ConfigError {
  const described = issues.map((issue) => describe(issue, given));
  const [first] = issues;
  return new ConfigError("CONFIG_INVALID", `source ${source}: ${described.join("; ")}`, {
    source,
    path: String(first?.path[0] ?? ""),
    cause,
  });
}

function describe(issue: Issue, given: Environment): string {
  const name = String(issue.path[0] ?? "");
  const received = secretVariable.test(name) ? "(not shown)" : `"${escapeExcerpt(given[name] ?? "")}"`;
  return `${name}: ${expectation(issue)}, received ${received}`;
}

function expectation(issue: Issue): string {
  if (issue.code === "invalid_format" && issue.format === "url") return "expected an http(s) URL";
  if (issue.code === "invalid_type") return `expected ${issue.expected}`;
  if (issue.code === "too_small")
    return `expected ${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}`;
  if (issue.code === "too_big")
    return `expected ${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}`;
  return issue.message;
}

/** A variable with the base URL of an API. */
export function urlVariable() {
  return z.url({ protocol: /^https?$/ });
}

/** A variable with a number, written as digits. */
export function numberVariable() {
  return z
    .string()
    .regex(/^\s*-?\d+(\.\d+)?\s*$/, { error: "expected a number" })
    .transform(Number)
    .pipe(z.number());
}
