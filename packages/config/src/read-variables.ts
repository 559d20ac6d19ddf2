import { closest, distance } from "fastest-levenshtein";
import { z } from "zod";
import { type Problem, shown } from "./problems.ts";
import { type Fragment, metaOf } from "./variable.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Names that start so are ours: one that is not defined is a slip of the pen. */
const ownPrefix = "PENSTOCK_";
const similarWithin = 4;

export type Reading<F extends Fragment> =
  | { values: z.infer<z.ZodObject<F>>; problems: [] }
  | { values: undefined; problems: Problem[] };

/** Reads every variable of the fragment. An empty one counts as not set. */
export function readVariables<F extends Fragment>(fragment: F, env: Environment): Reading<F> {
  const texts = Object.fromEntries(Object.keys(fragment).map((name) => [name, env[name] || undefined]));
  const parsed = z.object(fragment).safeParse(texts);
  if (parsed.success) return { values: parsed.data, problems: [] };
  const wrong = new Set(parsed.error.issues.map(({ path }) => String(path[0])));
  return {
    values: undefined,
    problems: Object.entries(fragment)
      .filter(([name]) => wrong.has(name))
      .map(toProblem),
  };

  function toProblem([variable, schema]: [string, z.ZodType]): Problem {
    const meta = metaOf(schema);
    return { variable, expected: meta.expected, received: shown(texts[variable], meta) };
  }
}

/** Variables of ours that nothing reads. */
export function unknownVariables(env: Environment, known: readonly string[]): Problem[] {
  const unknown = Object.keys(env).filter((name) => name.startsWith(ownPrefix) && !known.includes(name));
  return unknown.map((name) => ({
    variable: name,
    expected: suggestion(name, known),
    received: "a name that nothing reads",
  }));
}

function suggestion(name: string, known: readonly string[]): string {
  const nearest = closest(name, known);
  return distance(name, nearest) <= similarWithin
    ? `${nearest} (did you mean that?)`
    : "a variable of docs/configuration.md";
}
