import { useSyncExternalStore } from "react";

const tickMs = 1_000;
let nowMs = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function tick(): void {
  nowMs = Date.now();
  for (const listener of listeners) listener();
}

/** One timer for all that shows a time, which runs while anything does. */
function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(tick, tickMs);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** Now, by the clock of whoever looks; changes every second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => nowMs);
}
