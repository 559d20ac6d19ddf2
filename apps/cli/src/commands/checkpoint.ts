import { ConfigError } from "@penstock/core/errors";
import { livePartition } from "@penstock/core/run";
import { exitCodes } from "@penstock/runtime/failure";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import { loadUsableSources } from "@penstock/runtime/usable-sources";
import { boundOf } from "@penstock/source/cursor-bound";
import type { Checkpoint } from "@penstock/store/store";
import Table from "cli-table3";
import { authorOf } from "../author.ts";
import type { CommandContext } from "../program.ts";
import { resolveStream, type Target } from "../target.ts";

export type ChangeOptions = { partition?: string; reason?: string; json?: boolean };

/** `penstock checkpoint show`: every partition of a stream that has a checkpoint. */
export async function show(
  { config, out }: CommandContext,
  name: string,
  options: { limit: number; json?: boolean },
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const { source, stream } = resolveStream(await loadUsableSources(config), name);
  const store = stack.adopt(await openConfiguredStore(config, { isReadOnly: true }), (opened) => opened.close());
  const found = await store.listCheckpoints({ source: source.name, stream: stream.name, limit: options.limit });
  if (options.json === true) for (const checkpoint of found) out.write(`${JSON.stringify(checkpoint)}\n`);
  else out.write(found.length === 0 ? `${name} has no checkpoint yet\n` : `${tableOf(found)}\n`);
  return exitCodes.ok;
}

/** `penstock checkpoint set`: the next run starts from this cursor value. */
export async function set(
  context: CommandContext,
  name: string,
  text: string,
  options: ChangeOptions,
): Promise<number> {
  const target = resolveStream(await loadUsableSources(context.config), name);
  const bound = boundOf(target.stream, text);
  if (bound !== null) return change(context, target, bound, options);
  const expected = target.stream.cursor?.kind ?? "a stream with a cursor";
  throw new ConfigError("CONFIG_INVALID", `${name} cannot start from "${text}": expected ${expected}`, { expected });
}

/** `penstock checkpoint reset`: the next run starts from the beginning. Records stay. */
export async function reset(context: CommandContext, name: string, options: ChangeOptions): Promise<number> {
  return change(context, resolveStream(await loadUsableSources(context.config), name), null, options);
}

async function change(
  { config, out }: CommandContext,
  { source, stream }: Target,
  bound: string | null,
  options: ChangeOptions,
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const name = `${source.name}.${stream.name}`;
  if (stream.parent !== undefined && options.partition === undefined) {
    const message = `${name} has a checkpoint for each record of ${stream.parent.stream}`;
    throw new ConfigError("CONFIG_INVALID", message, {
      remedy: `say which with --partition; \`penstock checkpoint show ${name}\` lists them, \`penstock run ${name} --full\` reads all anew`,
    });
  }
  const partition = options.partition ?? livePartition;
  const store = stack.adopt(await openConfiguredStore(config), (opened) => opened.close());
  const changed = { source: source.name, stream: stream.name, partition, bound };
  const { before } = await store.setBound(changed, authorOf(options));
  out.write(
    options.json === true
      ? `${JSON.stringify({ ...changed, before })}\n`
      : `${name} (${partition}): ${before ?? "the beginning"} → ${bound ?? "the beginning"}\n`,
  );
  return exitCodes.ok;
}

function tableOf(checkpoints: Checkpoint[]): string {
  const table = new Table({
    head: ["partition", "bound", "watermark", "fence", "live run", "paused", "updated"],
    style: { head: [], border: [] },
  });
  for (const { partition, bound, watermark, fence, liveRunId, isPaused, updatedAt } of checkpoints) {
    const paused = isPaused ? "yes" : "";
    table.push([
      partition,
      bound ?? "",
      watermark?.toISOString() ?? "",
      fence,
      liveRunId ?? "",
      paused,
      updatedAt.toISOString(),
    ]);
  }
  return table.toString();
}
