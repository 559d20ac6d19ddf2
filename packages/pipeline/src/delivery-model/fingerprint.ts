import type { Job, ModelRun, Queue, State, Work } from "./state.ts";

/**
 * The same text for states that differ in nothing that matters: workers are alike, a queue's order is not promised, and of
 * observation times only the order counts.
 */
export function canonicalText(state: State): string {
  const { apiClock, api, table, bound, runs, queue, saved, workers, budget } = state;
  const ranks = rankObserved(state);
  const rank = (observed: number) => ranks.get(observed) ?? -1;
  return [
    `${apiClock},${bound},${Object.values(budget)}`,
    api.map(({ at, value }) => `${at}.${value}`).join(),
    table.map((row) => (row === null ? "" : `${row.value}.${rank(row.observed)}`)).join(),
    runs.map(runText).join(";"),
    queueText(queue, rank),
    saved === null ? "" : queueText(saved, rank),
    workers
      .map((work) => workText(work, rank))
      .sort()
      .join(";"),
  ].join("|");
}

type Rank = (observed: number) => number;

function runText({ status, since, apiStart, prefix, pages, counted }: ModelRun): string {
  const rows = pages.map(({ seq, cursorIn, cursorOut, candidate, size }) =>
    [seq, cursorIn, cursorOut, candidate, size].join("_"),
  );
  return [status, since, apiStart, ...Object.values(prefix), counted, ...rows].join();
}

const jobText = (job: Job, rank: Rank): string =>
  job.kind === "fetch" ? job.id : `${job.id}>${job.cursorOut}@${rank(job.observed)}`;

function queueText({ jobs, known }: Queue, rank: Rank): string {
  const texts = jobs.map(({ job, isActive }) => (isActive ? "*" : "") + jobText(job, rank)).sort();
  return `${texts.join()}!${[...new Set(known)].sort().join()}`;
}

function workText(work: Work | null, rank: Rank): string {
  if (work === null) return "";
  const parts = [work.phase, work.hasLock, jobText(work.job, rank)];
  if ("observed" in work) parts.push(String(rank(work.observed)), String(work.takenAt));
  if ("answer" in work) parts.push(JSON.stringify(work.answer));
  if ("prefix" in work) parts.push(JSON.stringify(work.prefix));
  return parts.join("~");
}

function rankObserved({ table, queue, saved, workers }: State): Map<number, number> {
  const times = new Set<number>();
  for (const row of table) if (row !== null) times.add(row.observed);
  for (const { job } of [...queue.jobs, ...(saved?.jobs ?? [])]) if (job.kind === "transform") times.add(job.observed);
  for (const work of workers) for (const time of observedIn(work)) times.add(time);
  return new Map([...times].sort((a, b) => a - b).map((time, i) => [time, i]));
}

function observedIn(work: Work | null): number[] {
  if (work === null) return [];
  return [...("observed" in work ? [work.observed] : []), ...("observed" in work.job ? [work.job.observed] : [])];
}

/** 53 bits of a text: cyrb53 by bryc, public domain. */
export function fingerprint(text: string): number {
  let h1 = 0xdeadbeef;
  let h2 = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    h1 = Math.imul(h1 ^ unit, 2654435761);
    h2 = Math.imul(h2 ^ unit, 1597334677);
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2246822507) ^ Math.imul(h2 ^ (h2 >>> 13), 3266489909);
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2246822507) ^ Math.imul(h1 ^ (h1 >>> 13), 3266489909);
  return 4294967296 * (2097151 & h2) + (h1 >>> 0);
}
