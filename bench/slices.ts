import { setTimeout as delay } from "node:timers/promises";
import { spread } from "./summary.ts";

/** One of those that are compared. */
export type Contestant = {
  name: string;
  /** Its slice begins: everything that it is made of works. */
  begin(): void | Promise<void>;
  /** The others' turn. */
  end(): void | Promise<void>;
  /** So far, of which only the difference counts. */
  count(): Promise<Counted>;
};

/** Processor time by the process that took it. */
export type Counted = { records: number; cpuSeconds: Readonly<Record<string, number>> };

/** What one did in each of its slices. */
export type Slices = {
  perSecond: number[];
  /** Of all its processes. */
  cpuPerRecord: number[];
  cpuPerRecordOf: Map<string, number[]>;
};

export type SliceOptions = {
  /** Of each contestant, counted. */
  slices: number;
  /** Not counted, at the beginning of each slice. */
  settleMs: number;
  sliceMs: number;
  /** Slices before those that are counted, in which code and caches get warm. */
  warmUps: number;
};

/**
 * Has contestants work in slices of seconds, one after the other, in another order each time. From one minute to the next a machine that
 * others share becomes a half faster or slower, which hides what a few per cent make; within seconds it is the same for all.
 *
 * @throws Error when one stands still
 */
export async function compareInSlices(
  contestants: readonly Contestant[],
  { slices, settleMs, sliceMs, warmUps }: SliceOptions,
): Promise<ReadonlyMap<string, Slices>> {
  const all = new Map<string, Slices>(
    contestants.map(({ name }) => [name, { perSecond: [], cpuPerRecord: [], cpuPerRecordOf: new Map() }]),
  );
  for (let round = -warmUps; round < slices; round++)
    for (const { name, begin, end, count } of inOrderOf(round, contestants)) {
      await begin();
      await delay(settleMs);
      const [before, startedAt] = [await count(), performance.now()];
      await delay(sliceMs);
      const [after, seconds] = [await count(), (performance.now() - startedAt) / 1_000];
      await end();
      if (round < 0) continue;
      const records = after.records - before.records;
      if (records <= 0) throw new Error(`${name} took in nothing: it has all there is, or is stuck`);
      const slices = all.get(name);
      slices?.perSecond.push(records / seconds);
      let sum = 0;
      for (const [process, cpuSeconds] of Object.entries(after.cpuSeconds)) {
        const perRecord = (cpuSeconds - (before.cpuSeconds[process] ?? 0)) / records;
        slices?.cpuPerRecordOf.set(process, [...(slices.cpuPerRecordOf.get(process) ?? []), perRecord]);
        sum += perRecord;
      }
      slices?.cpuPerRecord.push(sum);
    }
  return all;
}

/** Forwards and backwards, and from the next one on: none is always behind the same other. */
function inOrderOf<T>(round: number, all: readonly T[]): T[] {
  const first = Math.floor(Math.abs(round) / 2) % all.length;
  const rotated = [...all.slice(first), ...all.slice(0, first)];
  return round % 2 === 0 ? rotated : rotated.toReversed();
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** As a share of the other's: of the means, and of the slices that belong together the middle half. */
export function shareOf(own: readonly number[], other: readonly number[] = []): string {
  const each = own.map((value, i) => value / (other[i] ?? Number.NaN)).toSorted((a, b) => a - b);
  const middle = spread(each.slice(Math.floor(each.length / 4), Math.ceil((each.length * 3) / 4)));
  return `${(meanOf(own) / meanOf(other)).toFixed(3)} (${middle.least.toFixed(2)} – ${middle.most.toFixed(2)})`;
}
