import { join } from "node:path";
import { openStore } from "@penstock/store/open-store";
import { databaseTargets } from "@penstock/testing/databases";
import { describe, expect, test } from "vitest";
import type { Protocol } from "./commit.ts";
import { violationOf } from "./invariants.ts";
import { createReplay, expected } from "./replay.ts";
import { allRules } from "./rules.ts";
import { type Budget, initialState, type Order } from "./state.ts";
import { type Action, type Step, stepsOf } from "./steps.ts";

/*
 * Histories of the model, drawn at random, on the program and a real database. `REPLAY_HISTORIES` is how many per combination,
 * `REPLAY_SEED` the first seed: a failure names its own.
 */

const migrationsRoot = join(import.meta.dirname, "../../../../prisma");
const histories = Number(process.env["REPLAY_HISTORIES"] ?? 10);
const firstSeed = Number(process.env["REPLAY_SEED"] ?? 1);
const budget: Budget = {
  crashes: 2,
  lockLosses: 2,
  queueLosses: 1,
  rollbacks: 1,
  otherAnswers: 2,
  changes: 2,
  ticks: 2,
};

/** Mulberry32, by Tommy Ettinger, public domain: numbers from 0 to 1. */
function createRandom(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Faults are many among the steps of a state, and soon spent if all were alike. */
function draw(steps: Step[], random: () => number): Step | undefined {
  const free = steps.filter(({ isFault }) => !isFault);
  const faults = steps.filter(({ isFault }) => isFault);
  const from = free.length === 0 || (faults.length > 0 && random() < 0.15) ? faults : free;
  return from[Math.floor(random() * from.length)];
}

describe.each(databaseTargets())("on $name", ({ create }) => {
  const protocols: Protocol[] = (["asc", "none"] satisfies Order[]).flatMap((order) =>
    [true, false].map((isDeduplicated) => ({ rules: allRules, order, isDeduplicated })),
  );
  test.each(protocols)(
    "histories end as the model says: $order, deduplicated: $isDeduplicated",
    async (protocol) => {
      await using stack = new AsyncDisposableStack();
      const database = stack.adopt(await create(), (created) => created.drop());
      const store = stack.adopt(await openStore({ url: database.url, migrationsRoot }), (opened) => opened.close());
      for (let seed = firstSeed; seed < firstSeed + histories; seed++) {
        const random = createRandom(seed);
        const replay = createReplay(store, `h${seed}`, protocol);
        const played: Action[] = [];
        let state = initialState(budget);
        for (;;) {
          const step = draw(stepsOf(state, protocol), random);
          if (step === undefined) break;
          played.push(step.action);
          const history = `seed ${seed}: ${JSON.stringify(played)}`;
          expect(violationOf(step.next), history).toBeUndefined();
          await replay.play(step, state);
          state = step.next;
          if (played.length % 20 === 0) expect(await replay.see(), history).toEqual(expected(state));
        }
        expect(await replay.see(), `seed ${seed}: ${JSON.stringify(played)}`).toEqual(expected(state));
        expect(played.length).toBeGreaterThan(10);
      }
    },
    60_000 + histories * 2_000,
  );
});
