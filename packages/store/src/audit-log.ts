import { randomUUID } from "node:crypto";
import type { AuditEntry, AuditedAction, NewAuditEntry } from "@penstock/core/audit";
import type { JsonObject } from "@penstock/core/json";
import type { Prisma, Transaction } from "./client.ts";
import type { Dialect } from "./dialect.ts";
import type { AuditFilter } from "./store.ts";

/** Part of the transaction that makes the change, so that neither is there without the other. */
export async function noteAction(db: Transaction, dialect: Dialect, entry: NewAuditEntry): Promise<void> {
  const { actor, action, target, reason, details } = entry;
  const row = [[randomUUID(), actor, action, target, reason, details === undefined ? null : JSON.stringify(details)]];
  await db.$executeRaw`
    INSERT INTO audit_log (id, at, actor, action, target, reason, details)
    SELECT c0, ${dialect.now}, c1, c2, c3, c4, c5
    FROM (${dialect.rowsOf(JSON.stringify(row), ["text", "text", "text", "text", "text", "json"])}) AS new`;
}

/** Newest first. */
export async function listActions(
  db: Prisma,
  { target, action, since, after, limit }: AuditFilter,
): Promise<AuditEntry[]> {
  const where = {
    ...(target !== undefined && { target }),
    ...(action !== undefined && { action }),
    ...(since !== undefined && { at: { gte: since } }),
    ...(after && {
      OR: [{ at: { lt: after.at } }, { at: after.at, id: { lt: after.id } }],
      // Told apart, so that the index is entered where the page begins.
      AND: { at: { lte: after.at } },
    }),
  };
  const found = await db.auditEntry.findMany({ where, orderBy: [{ at: "desc" }, { id: "desc" }], take: limit });
  return found.map((row) => ({
    ...row,
    action: row.action as AuditedAction,
    details: row.details as JsonObject | null,
  }));
}
