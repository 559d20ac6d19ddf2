import { setTimeout as delay } from "node:timers/promises";
import type { LiveEvent } from "@penstock/api-contract/events";
import { codeOf } from "@penstock/core/decision";
import type { PipelineContext } from "@penstock/pipeline/context";
import type { Logger } from "@penstock/telemetry/logger";
import { presentRun } from "../present.ts";
import type { Overview } from "./overview.ts";

/** Tells everybody who listens what has changed. Looks once for all of them, and not at all while nobody does. */
export type LiveHub = AsyncDisposable & {
  /**
   * Events, those of one look together, until `signal` is aborted or the hub is closed: first how everything stands, then what
   * changes. So often as a beat is, none of them: time to see whether the listener is still there, and still may listen.
   */
  follow(signal: AbortSignal): AsyncGenerator<Told>;
};

/** The same list for all who listen, so that it need be written once only. */
export type Told = readonly LiveEvent[];

/** From one look to the next: longer the more listen, since telling them is what costs, and the pipeline may need the processors. */
const lookMs = { least: 1_000, perListener: 20, most: 5_000 };
const runsTold = 50;
/** Looks that a listener may be behind. One that reads too slowly is told to begin anew by being cut off. */
const maxBehind = 64;

type Listener = (told: Told) => void;
type Standing = { events: Told; texts: Map<string, string> };
type HubOptions = { beatMs?: number };

export function createLiveHub(
  { store }: Pick<PipelineContext, "store">,
  overview: Overview,
  logger: Logger,
  { beatMs = 15_000 }: HubOptions = {},
): LiveHub {
  const listeners = new Set<Listener>();
  const closing = new AbortController();
  let looking: Promise<void> | undefined;
  /** As of the last look, while somebody listens: what a new listener is told first, without another look. */
  let standing: Standing | undefined;

  const readAll = async (): Promise<LiveEvent[]> => {
    const [streams, queues, runs] = await Promise.all([
      overview.streams(),
      overview.queues(),
      store.queries.runs({ limit: runsTold }),
    ]);
    const open = streams.map(({ source, stream, openLetters }) => ({ source, stream, open: openLetters }));
    return [
      { type: "streams", streams },
      { type: "runs", runs: runs.map((run) => presentRun(run)) },
      { type: "queues", queues },
      { type: "letters", open },
    ];
  };

  const tell = (told: Told) => {
    for (const listener of listeners) listener(told);
  };

  const look = async (): Promise<void> => {
    try {
      const events = await readAll();
      const { changed, now: texts } = changesIn(events, standing?.texts);
      const told = standing === undefined ? events : changed;
      standing = { events, texts };
      if (told.length > 0) tell(told);
    } catch (error) {
      logger.warn({ code: codeOf(error) }, "live state could not be read");
    }
  };

  const keepLooking = async (): Promise<void> => {
    let beatAt = performance.now();
    while (listeners.size > 0 && !closing.signal.aborted) {
      await look();
      if (performance.now() - beatAt >= beatMs) {
        beatAt = performance.now();
        tell([]);
      }
      const toBeatMs = beatAt + beatMs - performance.now();
      const pauseMs = Math.min(lookMs.most, toBeatMs, Math.max(lookMs.least, listeners.size * lookMs.perListener));
      await delay(pauseMs, undefined, { signal: closing.signal }).catch(() => undefined);
    }
    looking = undefined;
    standing = undefined;
  };

  async function* follow(signal: AbortSignal): AsyncGenerator<Told> {
    const ended = AbortSignal.any([signal, closing.signal]);
    // Whoever comes before the first look is told all there is by it.
    const waiting: Told[] = standing === undefined ? [] : [standing.events];
    let wake = Promise.withResolvers<void>();
    const listener: Listener = (told) => {
      waiting.push(told);
      wake.resolve();
    };
    ended.addEventListener("abort", () => wake.resolve());
    listeners.add(listener);
    looking ??= keepLooking();
    try {
      while (!ended.aborted && waiting.length <= maxBehind) {
        yield* waiting.splice(0);
        wake = Promise.withResolvers<void>();
        if (waiting.length === 0 && !ended.aborted) await wake.promise;
      }
    } finally {
      listeners.delete(listener);
    }
  }

  return {
    follow,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await looking;
    },
  };
}

/** The items that are not as they were told last; what changes with the clock alone is no change. */
function changesIn(
  events: LiveEvent[],
  told: Map<string, string> = new Map(),
): { changed: LiveEvent[]; now: Map<string, string> } {
  const now = new Map<string, string>();
  const isNew = (type: string, id: string, item: object): boolean => {
    const text = JSON.stringify(item, (field, value) => (clocked.has(field) ? undefined : value));
    now.set(`${type} ${id}`, text);
    return told.get(`${type} ${id}`) !== text;
  };
  const changed = events.map((event) => onlyNew(event, isNew)).filter((event) => event !== undefined);
  return { changed, now };
}

const clocked = new Set(["durationMs", "lagMs", "sinceSuccessMs"]);

type IsNew = (type: string, id: string, item: object) => boolean;

function onlyNew(event: LiveEvent, isNew: IsNew): LiveEvent | undefined {
  switch (event.type) {
    case "streams": {
      const streams = event.streams.filter((each) => isNew("streams", `${each.source}.${each.stream}`, each));
      return streams.length === 0 ? undefined : { type: "streams", streams };
    }
    case "runs": {
      const runs = event.runs.filter((run) => isNew("runs", run.id, run));
      return runs.length === 0 ? undefined : { type: "runs", runs };
    }
    case "queues": {
      const queues = event.queues.filter((queue) => isNew("queues", queue.name, queue));
      return queues.length === 0 ? undefined : { type: "queues", queues };
    }
    case "letters": {
      const open = event.open.filter((each) => isNew("letters", `${each.source}.${each.stream}`, each));
      return open.length === 0 ? undefined : { type: "letters", open };
    }
  }
}
