import { useSyncExternalStore } from "react";

/** `live`: events tell what changes. `polling`: they do not, and the page asks every few seconds. */
export type LiveState = "connecting" | "live" | "polling";

let state: LiveState = "connecting";
const listeners = new Set<() => void>();

export function setLiveState(next: LiveState): void {
  if (next === state) return;
  state = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(subscribe, () => state);
}

export function useIsLive(): boolean {
  return useLiveState() === "live";
}
