import { describeBudget } from "@penstock/core/budget";
import { ConfigError } from "@penstock/core/errors";
import { settleDeletions } from "@penstock/pipeline/settle-deletions";
import { exitCodes } from "@penstock/runtime/failure";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import { type Deletion, type DeletionStatus, deletionStatuses } from "@penstock/store/store";
import { createMetrics } from "@penstock/telemetry/metrics";
import Table from "cli-table3";
import { authorOf } from "../author.ts";
import { nearest } from "../nearest.ts";
import type { CommandContext } from "../program.ts";
import { splitName } from "../split-name.ts";

export type DeletionsOptions = { stream?: string; status: string; limit: number; json?: boolean };

/** `penstock deletions list`: what full runs found gone, newest first. */
export async function list({ config, out }: CommandContext, options: DeletionsOptions): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const [source, stream] = options.stream === undefined ? [] : splitName(options.stream);
  const status = statusOf(options.status);
  const store = stack.adopt(await openConfiguredStore(config, { isReadOnly: true }), (opened) => opened.close());
  const found = await store.listDeletions({
    limit: options.limit,
    ...(source !== undefined && { source }),
    ...(stream !== undefined && { stream }),
    ...(status !== undefined && { status }),
  });
  if (options.json === true) for (const deletion of found) out.write(`${JSON.stringify(deletion)}\n`);
  else out.write(found.length === 0 ? "no such deletions\n" : `${tableOf(found)}\n`);
  return exitCodes.ok;
}

/** `penstock deletions show`: one of them, with some of the keys. */
export async function show({ config, out }: CommandContext, runId: string): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const store = stack.adopt(await openConfiguredStore(config, { isReadOnly: true }), (opened) => opened.close());
  out.write(`${JSON.stringify(await store.readDeletion(runId), undefined, 2)}\n`);
  return exitCodes.ok;
}

/** `penstock deletions approve` and `reject`; what is approved is deleted before the command ends. */
export async function decide(
  { config, logger, out }: CommandContext,
  runId: string,
  { isApproved, ...options }: { isApproved: boolean; reason?: string; json?: boolean },
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const store = stack.adopt(await openConfiguredStore(config), (opened) => opened.close());
  await store.decideDeletion(runId, isApproved, authorOf(options));
  await settleDeletions({ store, logger, metrics: createMetrics() });
  const deletion = await store.readDeletion(runId);
  out.write(`${options.json === true ? JSON.stringify(deletion) : describeDeletion(deletion)}\n`);
  return exitCodes.ok;
}

/** What a full run found gone, and what is to be done about it, in a line. */
export function describeDeletion(deletion: Deletion): string {
  const { source, stream, runId, status, known, missing, missedOnce, deleted, brake, reason } = deletion;
  const name = `${source}.${stream}`;
  switch (status) {
    case "waiting":
      return (
        `${name}: ${missing} of ${known} records are gone, more than the ${describeBudget(brake)} that the stream allows, so none is deleted. ` +
        `Look with \`penstock deletions show ${runId}\`, then \`penstock deletions approve ${runId}\` or \`reject\``
      );
    case "done":
      return `${name}: ${deleted} of ${known} records deleted${missedOnceText(missedOnce)}`;
    case "rejected":
      return `${name}: ${missing} records that are gone stay as they are`;
    case "incomplete":
      return `${name}: nothing can be said of deletions: ${reason}`;
    case "baseline":
      return `${name}: the first full run that saw everything; the next ones tell what was deleted`;
    case "nothing":
      return `${name}: no record is gone${missedOnceText(missedOnce)}`;
    default:
      return `${name}: deletions of run ${runId}: ${status}`;
  }
}

function missedOnceText(missedOnce: number): string {
  return missedOnce === 0
    ? ""
    : `; ${missedOnce} were missed once and are deleted if the next full run misses them too`;
}

function statusOf(text: string): DeletionStatus | undefined {
  const found = deletionStatuses.find((status) => status === text);
  if (found !== undefined || text === "any") return found;
  throw new ConfigError(
    "CONFIG_INVALID",
    `--status: "${text}" is none; ${nearest(text, [...deletionStatuses, "any"])}`,
  );
}

function tableOf(found: Deletion[]): string {
  const table = new Table({
    head: ["run", "stream", "status", "found", "records", "gone", "missed once", "deleted"],
    style: { head: [], border: [] },
  });
  for (const { runId, source, stream, status, foundAt, known, missing, missedOnce, deleted } of found)
    table.push([runId, `${source}.${stream}`, status, foundAt.toISOString(), known, missing, missedOnce, deleted]);
  return table.toString();
}
