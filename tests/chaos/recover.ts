import { setTimeout as delay } from "node:timers/promises";
import { requestRedrive } from "@penstock/pipeline/redrive";
import type { Store } from "@penstock/store/store";
import type { ExternalApi } from "@penstock/testing/simulators/external-api";
import type { ChaosProcess } from "./chaos-process.ts";
import { alwaysWrong, differences } from "./invariants.ts";

export type Recovering = { store: Store; api: ExternalApi; processes: readonly ChaosProcess[] };

const lookEveryMs = 150;

/**
 * With everything up again: puts letters of pages and requests back, until all is as the API has it. What is still wrong after
 * `timeoutMs`, and how things stand then; nothing when all is well.
 */
export async function recover(recovering: Recovering, timeoutMs: number): Promise<string[]> {
  const { store, api } = recovering;
  const healedAt = new Date();
  const deadline = performance.now() + timeoutMs;
  let wrong: string[] = [];
  do {
    await redriveWhole(recovering);
    wrong = (await hasSucceededSince(store, healedAt))
      ? await differences(store, api.records)
      : ["no run succeeded after all was well again"];
    if (wrong.length === 0) return alwaysWrong(store, api.records);
    await delay(lookEveryMs);
  } while (performance.now() < deadline);
  return [...wrong, JSON.stringify(await describe(recovering))];
}

async function hasSucceededSince(store: Store, at: Date): Promise<boolean> {
  const runs = await store.listRuns({ source: "chaos", stream: "items", limit: 20 });
  return runs.some(({ status, startedAt }) => status === "succeeded" && startedAt > at);
}

const contextOf = (processes: readonly ChaosProcess[]) => processes.find((each) => !each.isDead())?.context();

/** Letters of single records stay: those records are bad. */
async function redriveWhole({ store, processes }: Recovering): Promise<void> {
  const whole = (await store.listLetters({ status: "open", limit: 1_000 })).filter(({ kind }) => kind !== "record");
  const context = contextOf(processes);
  if (whole.length === 0 || context === undefined) return;
  await requestRedrive(context, { ids: whole.map(({ id }) => id), limit: whole.length });
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
