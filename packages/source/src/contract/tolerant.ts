import type { Contract } from "@penstock/core/drift";
import { z } from "zod";

/**
 * The schema as a contract lets it be taken: without what was left out where missing fields or changed types are let through, with
 * other values than those it lists where new ones are. Only for records that drifted; the others go by the schema itself.
 */
export function tolerant(schema: z.ZodType, contract: Contract): z.ZodType {
  const leavesOut = (["missingField", "changedType"] as const).some((kind) => isLetThrough(contract, kind));
  return relax(schema, {
    hasOptionalFields: leavesOut || contract.newValue === "discard",
    hasOpenValues: contract.newValue === "evolve",
  });
}

function isLetThrough(contract: Contract, kind: keyof Contract): boolean {
  return contract[kind] === "evolve" || contract[kind] === "discard";
}

type Relaxation = { hasOptionalFields: boolean; hasOpenValues: boolean };

/** Clones, so that the checks and messages of a schema stay. */
function relax(schema: unknown, by: Relaxation): z.ZodType {
  if (schema instanceof z.ZodObject) {
    const fields = Object.entries<unknown>(schema.shape).map(([name, field]) => [name, relaxField(field, by)]);
    return schema.clone({ ...schema.def, shape: Object.fromEntries(fields) });
  }
  if (schema instanceof z.ZodArray) return schema.clone({ ...schema.def, element: relax(schema.element, by) });
  if (schema instanceof z.ZodOptional) return schema.clone({ ...schema.def, innerType: relax(schema.unwrap(), by) });
  if (schema instanceof z.ZodNullable) return schema.clone({ ...schema.def, innerType: relax(schema.unwrap(), by) });
  if (schema instanceof z.ZodDefault) return schema.clone({ ...schema.def, innerType: relax(schema.unwrap(), by) });
  if (schema instanceof z.ZodReadonly) return schema.clone({ ...schema.def, innerType: relax(schema.unwrap(), by) });
  if (schema instanceof z.ZodPipe) return schema.clone({ ...schema.def, in: relax(schema.in, by) });
  if (by.hasOpenValues && (schema instanceof z.ZodEnum || schema instanceof z.ZodLiteral))
    return z.union([z.string(), z.number(), z.boolean()]);
  // What a schema's parts are is known to be a schema; zod's types say so in other words.
  return schema as z.ZodType;
}

function relaxField(field: unknown, by: Relaxation): z.ZodType {
  const relaxed = relax(field, by);
  return by.hasOptionalFields ? relaxed.optional() : relaxed;
}
