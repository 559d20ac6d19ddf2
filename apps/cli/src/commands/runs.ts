import { ConfigError } from "@penstock/core/errors";
import { type Run, type RunStatus, runStatuses } from "@penstock/core/run";
import { exitCodes } from "@penstock/runtime/failure";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import Table from "cli-table3";
import { authorOf } from "../author.ts";
import { nearest } from "../nearest.ts";
import type { CommandContext } from "../program.ts";
import { splitName } from "../split-name.ts";
import { summaryOf } from "./run.ts";
import { duration } from "./status.ts";

export type RunsOptions = { stream?: string; status?: string; limit: number; json?: boolean };

/** `penstock runs`: newest first. Also of streams that are defined no more. */
export async function runs({ config, out }: CommandContext, options: RunsOptions): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const [source, stream] = options.stream === undefined ? [] : splitName(options.stream);
  const status = statusOf(options.status);
  const store = stack.adopt(await openConfiguredStore(config, { isReadOnly: true }), (opened) => opened.close());
  const found = await store.listRuns({
    limit: options.limit,
    ...(source !== undefined && { source }),
    ...(stream !== undefined && { stream }),
    ...(status !== undefined && { status }),
  });
  if (options.json === true) for (const run of found) out.write(`${JSON.stringify(lineOf(run))}\n`);
  else out.write(found.length === 0 ? "no such runs\n" : `${tableOf(found)}\n`);
  return exitCodes.ok;
}

/** `penstock cancel`: ends a live run; what it has committed stays, and so does the bound. */
export async function cancel(
  { config, out }: CommandContext,
  runId: string,
  options: { reason?: string; json?: boolean },
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const store = stack.adopt(await openConfiguredStore(config), (opened) => opened.close());
  const { run, isCancelled } = await store.cancelRun(runId, authorOf(options));
  const said = isCancelled ? "cancelled" : `had ended already: ${run.status}`;
  out.write(`${options.json === true ? JSON.stringify({ ...lineOf(run), isCancelled }) : `${runId} ${said}`}\n`);
  return exitCodes.ok;
}

function statusOf(text: string | undefined): RunStatus | undefined {
  const found = runStatuses.find((status) => status === text);
  if (found !== undefined || text === undefined) return found;
  throw new ConfigError("CONFIG_INVALID", `--status: "${text}" is none; ${nearest(text, [...runStatuses])}`);
}

function lineOf(run: Run): Record<string, unknown> {
  const { partition, mode, startedAt, endedAt, boundAtStart } = run;
  return { ...summaryOf(run), partition, mode, startedAt, endedAt, boundAtStart };
}

function tableOf(found: Run[]): string {
  const table = new Table({
    head: ["run", "stream", "partition", "mode", "status", "started", "took", "pages", "fetched", "error"],
    style: { head: [], border: [] },
  });
  for (const run of found) {
    const { runId, source, stream, partition, mode, status, startedAt, endedAt, pages, account, errorCode } = run;
    const took = duration((endedAt?.getTime() ?? Date.now()) - startedAt.getTime());
    const name = `${source}.${stream}`;
    const started = startedAt.toISOString();
    table.push([runId, name, partition, mode, status, started, took, pages, account.fetched, errorCode ?? ""]);
  }
  return table.toString();
}
