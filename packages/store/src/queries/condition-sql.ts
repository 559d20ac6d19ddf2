import { Prisma } from "../../generated/postgresql/client.ts";
import type { Dialect } from "../dialect.ts";
import type { FieldSql } from "../json-dialect.ts";
import type { Condition, Scalar } from "./queries.ts";

/*
 * Conditions on fields of a record's data. A value is compared with values of its own type only; texts by their bytes, so that
 * both databases agree, and ISO times come in their order.
 */

type Comparison = "eq" | "ne" | "lt" | "lte" | "gt" | "gte";

const operators: Record<Exclude<Comparison, "ne">, Prisma.Sql> = {
  eq: Prisma.sql`=`,
  lt: Prisma.sql`<`,
  lte: Prisma.sql`<=`,
  gt: Prisma.sql`>`,
  gte: Prisma.sql`>=`,
};

/** A predicate that is true or false, never NULL. */
export function conditionSql(dialect: Dialect, condition: Condition): Prisma.Sql {
  const field = dialect.json.fieldOf(condition.path);
  switch (condition.comparison) {
    case "exists":
      return condition.isThere ? Prisma.sql`${field.type} IS NOT NULL` : Prisma.sql`${field.type} IS NULL`;
    case "contains":
      return Prisma.sql`CASE WHEN ${field.isText} THEN ${dialect.json.contains(field.text, condition.text)} ELSE false END`;
    case "in":
      return Prisma.sql`(${Prisma.join(
        condition.values.map((value) => compared(field, "eq", value)),
        " OR ",
      )})`;
    case "ne":
      return Prisma.sql`NOT (${compared(field, "eq", condition.value)})`;
    default:
      return compared(field, condition.comparison, condition.value);
  }
}

function compared(field: FieldSql, comparison: Exclude<Comparison, "ne">, value: Scalar): Prisma.Sql {
  const operator = operators[comparison];
  if (typeof value === "number") return ifIs(field.isNumber, Prisma.sql`${field.number} ${operator} ${value}`);
  if (typeof value === "string") return ifIs(field.isText, Prisma.sql`${field.text} ${operator} ${value}`);
  if (comparison !== "eq") return Prisma.sql`false`;
  return value === null ? field.isNull : field.isFlag(value);
}

/** CASE, since a database may look at the parts of an AND in any order, and a text is no number. */
function ifIs(isType: Prisma.Sql, predicate: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`CASE WHEN ${isType} THEN ${predicate} ELSE false END`;
}
