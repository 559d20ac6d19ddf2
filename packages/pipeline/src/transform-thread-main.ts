import { PermanentError } from "@penstock/core/errors";
import { loadSources } from "@penstock/source/load-sources";
import { kTransferable, kValue, Tinypool } from "tinypool";
import { createPageTransformer, type PackedPage } from "./page-transformer.ts";
import type { ThreadAnswer, ThreadSources } from "./transform-threads.ts";

// Run by createTransformThreads as a thread of its own.
const { sourcesDir, env }: ThreadSources = Tinypool.workerData;
const { sources } = await loadSources(sourcesDir, env);
const transformer = createPageTransformer(new Map(sources.map((source) => [source.name, source])));

/** @public called by name, from the pool; the records are handed over, not copied */
export default async function transform(page: PackedPage): Promise<unknown> {
  const answer = await answerTo(page);
  if (answer.kind === "failed") return answer;
  const buffers = answer.page.records.rows.map(({ buffer }) => buffer);
  return Tinypool.move({ [kTransferable]: buffers, [kValue]: answer });
}

async function answerTo(page: PackedPage): Promise<ThreadAnswer> {
  try {
    return { kind: "transformed", page: await transformer.transform(page) };
  } catch (error) {
    const code = error instanceof PermanentError ? error.code : null;
    const { message, stack = message } = error instanceof Error ? error : new Error(String(error));
    return { kind: "failed", code, message, stack };
  }
}
