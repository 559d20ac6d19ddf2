import type { State } from "./state.ts";

/** What must hold in every state; the first that does not. */
export function violationOf({ api, table, bound, runs }: State): string | undefined {
  for (const { id, at, value } of api) {
    const row = table[id] ?? null;
    if (at <= bound && row?.value !== value)
      return `lost: record ${id}, changed at ${at}, is ${row === null ? "not in the table" : "old in the table"}, the bound is ${bound}`;
  }
  const wrong = runs.findIndex(({ pages, counted }) => pages.reduce((sum, { size }) => sum + size, 0) !== counted);
  if (wrong !== -1) return `counted twice: the account of run ${wrong} is not the sum of its pages'`;
  return undefined;
}

/** What no step may do. */
export function violationOfStep(before: State, after: State): string | undefined {
  if (after.bound < before.bound) return `the bound moved back from ${before.bound} to ${after.bound}`;
  const changed = before.runs.findIndex(
    ({ status }, run) => status !== "running" && after.runs[run]?.status !== status,
  );
  if (changed !== -1) return `run ${changed} had ended and is ${after.runs[changed]?.status} now`;
  const moved = before.runs.findIndex(({ prefix }, run) => (after.runs[run]?.prefix.seq ?? -1) < prefix.seq);
  return moved === -1 ? undefined : `the committed prefix of run ${moved} became shorter`;
}

/** Nothing runs, and nothing is left to do. */
export function isAtRest({ runs, queue, workers }: State): boolean {
  return runs.at(-1)?.status !== "running" && queue.jobs.length === 0 && workers.every((work) => work === null);
}
