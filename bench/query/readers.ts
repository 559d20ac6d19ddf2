import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";

/** What so many readers did between their start and their end. */
export type Reading = { pages: number; events: number; pageMs: number[] };

/** A page of records each so often, as somebody who looks through them; events come by themselves. */
export const pageEveryMs = 5_000;

/**
 * `count` open dashboards: each follows the events, and asks for a page of a hundred records every five seconds. Returns what ends
 * them all.
 *
 * @throws Error of the first answer that was none
 */
export function startReaders(url: string, authorization: string, count: number): () => Promise<Reading> {
  const ended = new AbortController();
  const read: Reading = { pages: 0, events: 0, pageMs: [] };
  // By what takes the least of the processors that they share with the pipeline here, and would not elsewhere.
  const agent = new Agent({ keepAlive: true });
  const ask = async (path: string) => {
    const request = get(`${url}${path}`, { headers: { authorization }, signal: ended.signal, agent });
    const [answer]: IncomingMessage[] = await once(request, "response");
    if (answer?.statusCode !== 200)
      throw new Error(`${path} answered ${answer?.statusCode}: ${answer && (await text(answer))}`);
    return answer;
  };
  const unlessEnded = async (work: Promise<void>) => {
    await work.catch((error: unknown) => {
      if (!ended.signal.aborted) throw error;
    });
  };
  const follow = async () => {
    for await (const _ of await ask("/v1/events")) read.events++;
  };
  const browse = async (reader: number) => {
    await delay((reader / count) * pageEveryMs, undefined, { signal: ended.signal });
    for (let next: string | undefined; ; ) {
      const asked = performance.now();
      const answer = await ask(`/v1/records?limit=100${next === undefined ? "" : `&after=${next}`}`);
      next = nextIn(await text(answer));
      read.pages++;
      read.pageMs.push(performance.now() - asked);
      await delay(Math.max(0, pageEveryMs - (performance.now() - asked)), undefined, { signal: ended.signal });
    }
  };
  const all = Promise.all(
    Array.from({ length: count }, (_, reader) => [unlessEnded(follow()), unlessEnded(browse(reader))]).flat(),
  );
  // Who waits for the end is told; until then it must not end the process.
  all.catch(() => undefined);
  return async () => {
    ended.abort();
    await all;
    agent.destroy();
    return read;
  };
}

/** The cursor at the end of a page, which is not read any further: that would be a browser's work. */
function nextIn(page: string): string | undefined {
  const [, next] = /"next":(?:null|"([^"]*)")\}$/.exec(page.slice(-1_000)) ?? [];
  return next;
}
