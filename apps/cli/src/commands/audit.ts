import type { AuditEntry } from "@penstock/core/audit";
import { exitCodes } from "@penstock/runtime/failure";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import Table from "cli-table3";
import type { CommandContext } from "../program.ts";

export type AuditOptions = { target?: string; limit: number; json?: boolean };

/** `penstock audit`: what was done by hand, newest first. */
export async function audit({ config, out }: CommandContext, { target, limit, json }: AuditOptions): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const store = stack.adopt(await openConfiguredStore(config, { isReadOnly: true }), (opened) => opened.close());
  const entries = await store.listActions({ limit, ...(target !== undefined && { target }) });
  if (json === true) for (const entry of entries) out.write(`${JSON.stringify(entry)}\n`);
  else out.write(entries.length === 0 ? "nothing was done by hand yet\n" : `${tableOf(entries)}\n`);
  return exitCodes.ok;
}

function tableOf(entries: AuditEntry[]): string {
  const table = new Table({
    head: ["at", "who", "did", "to", "why", "details"],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [null, null, null, null, 40, 60],
  });
  for (const { at, actor, action, target, reason, details } of entries) {
    table.push([
      at.toISOString(),
      actor,
      action,
      target,
      reason ?? "",
      details === null ? "" : JSON.stringify(details),
    ]);
  }
  return table.toString();
}
