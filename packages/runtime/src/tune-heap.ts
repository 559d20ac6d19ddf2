import { setFlagsFromString } from "node:v8";

/** @param app as in RuntimeOptions */
export function heapFlags(app: string): string[] {
  // A transformer gives back its pages' buffers by itself (`releaseRows`): looking through its heap more often costs it nothing.
  const growingPercent = app === "transformer" ? 50 : 100;
  return [`--heap-growing-percent=${growingPercent}`, "--no-allocation-site-pretenuring"];
}

/**
 * Has V8 collect garbage as suits a process that holds little and makes much: a page is a few megabytes of values that are all gone when it is
 * committed. Decision 18 has what it saves.
 *
 * In a heap as small as ours V8 looks through all of it whenever it has grown by a third, and counts buffers: several times a second,
 * 80 ms of another thread each time. It does so when the heap has doubled, or in a transformer grown by half. And what survived often, V8
 * allocates among the old at once: of a page that is worked on while V8 collects, everything survives, so that a few pages later all of them
 * would be old.
 */
export function tuneHeap(app: string): void {
  for (const flag of heapFlags(app)) setFlagsFromString(flag);
}
