import type { Protocol } from "./commit.ts";
import { canonicalText, fingerprint } from "./fingerprint.ts";
import { isAtRest, violationOf, violationOfStep } from "./invariants.ts";
import { type Budget, initialState, type State } from "./state.ts";
import { type Action, stepsOf } from "./steps.ts";

export type Exploration = {
  states: number;
  steps: number;
  /** What went wrong first, and the shortest history that leads to it. */
  violation: { what: string; history: Action[] } | undefined;
};

/**
 * Visits every state that the budget allows, breadth first, so that a violation is found by a shortest history. States are
 * told apart by 53-bit fingerprints: of a million, the chance that two are confused is 1 in 20,000.
 */
export function explore(protocol: Protocol, budget: Budget, limit = Number.POSITIVE_INFINITY): Exploration {
  const known = new Map<number, number>();
  const parents: number[] = [];
  /** What led to a state first; nothing did to the initial one. */
  const actions: Action[] = [{ do: "tick" }];
  /** Steps without a fault, backward: what a state can be reached from when nothing goes wrong any more. */
  const before: number[][] = [];
  const atRest: number[] = [];
  let steps = 0;

  const historyOf = (state: number): Action[] => {
    const history: Action[] = [];
    for (let at = state; at > 0; at = parents[at] ?? 0) history.push(...actions.slice(at, at + 1));
    return history.reverse();
  };
  const result = (what?: string, state = 0, last?: Action): Exploration => ({
    states: known.size,
    steps,
    violation:
      what === undefined ? undefined : { what, history: [...historyOf(state), ...(last === undefined ? [] : [last])] },
  });

  const first = initialState(budget);
  known.set(fingerprint(canonicalText(first)), 0);
  parents.push(-1);
  before.push([]);
  let frontier: [number, State][] = [[0, first]];
  while (frontier.length > 0) {
    const next: [number, State][] = [];
    for (const [index, state] of frontier) {
      if (isAtRest(state)) atRest.push(index);
      for (const step of stepsOf(state, protocol)) {
        steps += 1;
        const what = violationOfStep(state, step.next) ?? violationOf(step.next);
        if (what !== undefined) return result(what, index, step.action);
        const print = fingerprint(canonicalText(step.next));
        let to = known.get(print);
        if (to === undefined) {
          to = parents.length;
          known.set(print, to);
          parents.push(index);
          actions[to] = step.action;
          before.push([]);
          next.push([to, step.next]);
        }
        if (!step.isFault) before[to]?.push(index);
      }
    }
    if (known.size > limit) throw new Error(`more than ${limit} states`);
    frontier = next;
  }
  const stuck = unreachable(before, atRest);
  return stuck === undefined ? result() : result("no way on to an end of the run", stuck);
}

/** The first state from which no state at rest can be reached without a fault. */
function unreachable(before: number[][], atRest: number[]): number | undefined {
  const reached = new Uint8Array(before.length);
  const todo = [...atRest];
  for (const state of todo) reached[state] = 1;
  for (let state = todo.pop(); state !== undefined; state = todo.pop()) {
    for (const earlier of before[state] ?? []) {
      if (reached[earlier] === 1) continue;
      reached[earlier] = 1;
      todo.push(earlier);
    }
  }
  const stuck = reached.indexOf(0);
  return stuck === -1 ? undefined : stuck;
}
