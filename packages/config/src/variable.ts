import { z } from "zod";

/** What is said of a variable beside its schema: in the documentation, and when its value is wrong. */
export type VariableMeta = {
  /** One sentence, for people. */
  description: string;
  /** What a value looks like, as it reads after "expected". */
  expected: string;
  /** What holds when it is not set, in words where it is computed. */
  fallback: string;
  /** Never shown, not even when it is wrong. */
  isSecret?: boolean;
  /** May carry an account: shown without its password. */
  isAddress?: boolean;
};

export type Fragment = Readonly<Record<string, z.ZodType>>;

const metas = new WeakMap<z.ZodType, VariableMeta>();

/** A variable: a zod schema that reads its text, and what is said of it. */
export function variable<S extends z.ZodType>(schema: S, meta: VariableMeta): S {
  const described = schema.meta({ description: meta.description });
  metas.set(described, meta);
  return described;
}

/** @throws Error for a schema that `variable` did not make */
export function metaOf(schema: z.ZodType): VariableMeta {
  const meta = metas.get(schema);
  if (meta === undefined)
    throw new Error("A variable of the configuration has no description: make it with variable(…)");
  return meta;
}

/** Whole numbers within bounds, from text such as `4`. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER) {
  return z.string().regex(/^\d+$/).transform(Number).pipe(z.number().min(min).max(max));
}

/** `true`/`false`, also `1`/`0`, `yes`/`no`, `on`/`off`. */
export const flag = z.stringbool();

/** An address with one of the schemes. Hosts are not checked here: whoever connects says what is wrong with them. */
export function address(...schemes: string[]) {
  return z.string().refine((text) => schemes.includes(URL.parse(text)?.protocol ?? ""));
}
