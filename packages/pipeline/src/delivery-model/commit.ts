import { extendPrefix } from "@penstock/core/chain";
import { nextBound } from "@penstock/core/cursor";
import type { Rules } from "./rules.ts";
import {
  liveRun,
  type ModelRun,
  type Order,
  type PageRow,
  type Row,
  type RunPrefix,
  type State,
  type TransformJob,
} from "./state.ts";

export type Protocol = { rules: Rules; order: Order; isDeduplicated: boolean };

/** The page's row and its account; the first content of a page stays. */
export function withPage(state: State, job: TransformJob, { rules }: Protocol): State {
  const run = runOf(state, job);
  const isKnown = run.pages.some(({ seq }) => seq === job.seq);
  const size = job.items.length;
  if (isKnown && rules.firstContentCounts) return state;
  const row: PageRow = {
    seq: job.seq,
    cursorIn: job.cursorIn,
    cursorOut: job.cursorOut,
    candidate: size === 0 ? null : Math.max(...job.items.map(({ at }) => at)),
    size,
  };
  const pages = isKnown ? run.pages : [...run.pages, row].sort((a, b) => a.seq - b.seq);
  return withRun(state, job.run, { ...run, pages, counted: run.counted + size });
}

/** The records of a page in the table. */
export function withRecords(state: State, job: TransformJob, { rules }: Protocol): State {
  const isLate = runOf(state, job).status !== "running";
  const table = [...state.table];
  for (const { id, value } of job.items) {
    const row = table[id] ?? null;
    if (row === null || (row.value !== value && mayReplace(row, job, rules, isLate)))
      table[id] = { value, observed: job.observed };
  }
  return { ...state, table };
}

function mayReplace(row: Row, job: TransformJob, rules: Rules, isLate: boolean): boolean {
  return !(rules.lateInsertsOnly && isLate) && (!rules.newestWins || job.observed > row.observed);
}

/** The prefix that a run's pages allow, by the very function the program uses. */
export function extended(run: ModelRun, { rules }: Protocol): RunPrefix {
  const links = run.pages.map(({ seq, cursorIn, cursorOut }) => ({
    seq,
    cursorIn: rules.prefixByLinks ? cursorIn : "any",
    cursorOut: rules.prefixByLinks || cursorOut === null ? cursorOut : "any",
    isLast: cursorOut === null,
  }));
  const prefix = extendPrefix(run.prefix, links);
  const added = run.pages.filter(({ seq }) => seq > run.prefix.seq && seq <= prefix.seq);
  const candidate = added.reduce((max, page) => Math.max(max, page.candidate ?? 0), run.prefix.candidate ?? 0);
  return { ...prefix, candidate: candidate === 0 ? null : candidate };
}

/** Moves the run's prefix and, as far as it may, the bound. */
export function withCheckpoint(state: State, job: TransformJob, prefix: RunPrefix, protocol: Protocol): State {
  const run = runOf(state, job);
  if (protocol.rules.fence && liveRun(state) !== job.run) return state;
  const moved = withRun(state, job.run, { ...run, prefix, status: prefix.isComplete ? "succeeded" : run.status });
  const mayMove = protocol.order === "asc" || prefix.isComplete || !protocol.rules.boundWaitsForEnd;
  return mayMove ? { ...moved, bound: boundOf(state, run, prefix, protocol.rules) } : moved;
}

function boundOf({ bound, apiClock }: State, run: ModelRun, { candidate }: RunPrefix, { capAtStart }: Rules): number {
  const instant = (at: number) => new Date(at * 1_000);
  const start = capAtStart ? (run.apiStart ?? apiClock) : apiClock;
  const moved = nextBound({
    kind: "timestamp",
    candidate: candidate === null ? null : instant(candidate).toISOString(),
    current: instant(bound).toISOString(),
    runStartedAt: instant(start),
    lookbackMs: 0,
  });
  return moved === null ? bound : Date.parse(moved) / 1_000;
}

function runOf({ runs }: State, { run }: TransformJob): ModelRun {
  const found = runs[run];
  if (found === undefined) throw new Error(`a job of run ${run}, which there is not`);
  return found;
}

export function withRun(state: State, index: number, run: ModelRun): State {
  return { ...state, runs: state.runs.map((other, i) => (i === index ? run : other)) };
}
