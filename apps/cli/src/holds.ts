import { admission, type BreakerState, type SourceState } from "@penstock/core/source-state";
import type { PipelineContext } from "@penstock/pipeline/context";
import { startLoop } from "@penstock/runtime/loop";

/** A source that no request goes to for now. */
export type Hold = { source: string; breaker: BreakerState; failures: number; until: string | null; reason: string };

type NamedState = SourceState & { source: string };

/** Those of some sources that are held, by a pause that the API asked for or by the circuit breaker. */
export function holdsOf(states: readonly NamedState[], now: Date): Hold[] {
  return states.filter((state) => admission(state, now).kind !== "go").map(describeHold);
}

function describeHold(state: NamedState): Hold {
  const { source, breaker, failures, breakerUntil, throttledUntil } = state;
  const until = Math.max(breakerUntil?.getTime() ?? 0, throttledUntil?.getTime() ?? 0);
  return {
    source,
    breaker,
    failures,
    until: until === 0 ? null : new Date(until).toISOString(),
    reason: reasonOf(state),
  };
}

function reasonOf({ breaker, failures, throttles }: SourceState): string {
  if (breaker !== "closed") return `circuit breaker ${breaker} after ${failures} failures`;
  return throttles > 0 ? "throttled by the API" : "the API's rate limit is used up";
}

export function holdText({ source, until, reason }: Hold): string {
  return `${source}: no requests before ${until}, ${reason}\n`;
}

const lookEveryMs = 1_000;

/** Says to a person who waits for runs of some sources why nothing happens, once for each pause. */
export function tellHolds(
  { store, logger }: PipelineContext,
  sources: readonly string[],
  out: { write(text: string): unknown },
): AsyncDisposable {
  const told = new Set<string>();
  return startLoop(
    "held sources",
    lookEveryMs,
    async () => {
      for (const hold of holdsOf(await store.sourceStates(), await store.now())) {
        const text = holdText(hold);
        if (!sources.includes(hold.source) || told.has(text)) continue;
        told.add(text);
        out.write(text);
      }
    },
    logger,
  );
}
