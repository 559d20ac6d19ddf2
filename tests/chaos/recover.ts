import { setTimeout as delay } from "node:timers/promises";
import { InfrastructureError } from "@penstock/core/errors";
import { requestRedrive } from "@penstock/pipeline/redrive";
import type { Store } from "@penstock/store/store";
import type { ExternalApi } from "@penstock/testing/simulators/external-api";
import type { ChaosProcess } from "./chaos-process.ts";
import { alwaysWrong, differences } from "./invariants.ts";

export type Recovering = { store: Store; api: ExternalApi; processes: readonly ChaosProcess[] };

const author = { actor: "cli:chaos@here", reason: null };
const lookEveryMs = 150;
/** Without a page committed or a run ended for so long, it has come to a stop: locks and patience are of a few seconds here. */
const standstillMs = 60_000;
/** Of work without end: runs that are superseded again and again are no recovery. */
const limitMs = 300_000;

/**
 * With everything up again: puts letters of pages and requests back, until all is as the API has it. A busy machine may take
 * its time, as long as something is done. What is still wrong then, and how things stand; nothing when all is well.
 */
export async function recover(recovering: Recovering): Promise<string[]> {
  const { store, api } = recovering;
  const healedAt = new Date();
  const startedAt = performance.now();
  let last = { progress: "", at: startedAt };
  let wrong: string[] = [];
  do {
    await redriveWhole(recovering);
    wrong = (await hasSucceededSince(store, healedAt))
      ? await differences(store, api.records)
      : ["no run succeeded after all was well again"];
    if (wrong.length === 0) return alwaysWrong(store, api.records);
    const progress = await progressOf(store);
    if (progress !== last.progress) last = { progress, at: performance.now() };
    await delay(lookEveryMs);
  } while (performance.now() - last.at < standstillMs && performance.now() - startedAt < limitMs);
  return [...wrong, JSON.stringify(await describe(recovering))];
}

/** Changes with each page that is committed and each run that ends. */
async function progressOf(store: Store): Promise<string> {
  const [pages] = await store.queryView("SELECT COUNT(*) AS n FROM pages");
  const [runs] = await store.queryView("SELECT COUNT(*) AS n FROM runs WHERE status = 'succeeded'");
  return `${pages?.["n"]} ${runs?.["n"]}`;
}

async function hasSucceededSince(store: Store, at: Date): Promise<boolean> {
  const runs = await store.listRuns({ source: "chaos", stream: "items", limit: 20 });
  return runs.some(({ status, startedAt }) => status === "succeeded" && startedAt > at);
}

const contextOf = (processes: readonly ChaosProcess[]) => processes.find((each) => !each.isDead())?.context();

/** Letters of single records stay: those records are bad. */
async function redriveWhole({ store, processes }: Recovering): Promise<void> {
  const whole = (await store.listLetters({ status: "open", limit: 1_000 })).filter(({ kind }) => kind !== "record");
  const process = processes.find((each) => !each.isDead());
  const context = process?.context();
  if (whole.length === 0 || context === undefined) return;
  try {
    await requestRedrive(context, { ids: whole.map(({ id }) => id), limit: whole.length }, author);
  } catch (error) {
    // It may die of it, as its failures are planned; and a connection that the server ended while nobody used it is found dead now. What
    // was claimed is put into the queue by the scheduler.
    if (process?.isDead() !== true && !(error instanceof InfrastructureError)) throw error;
  }
}

async function describe({ store, processes }: Recovering): Promise<unknown> {
  const runs = await store.listRuns({ source: "chaos", stream: "items", limit: 3 });
  const letters = await store.listLetters({ limit: 10, newestFirst: true });
  return {
    runs,
    letters: letters.map(({ kind, status, key, code, redrives }) => ({ kind, status, key, code, redrives })),
    depths: await contextOf(processes)?.queues.depths(),
    alive: processes.filter((each) => !each.isDead()).length,
  };
}
