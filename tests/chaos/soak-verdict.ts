/** What the program looked like at one moment; `records`: accounted for since it started. */
export type Sample = { ms: number; records: number; memoryBytes: number };

/** Of the largest memory: what it may be over the second tenth's at the end. */
const allowedGrowth = 1.1;
const allowedSlowdown = 0.9;
const windowMs = 2_000;

/**
 * Throughput and the largest memory of each tenth of the records. Throughput is the median of windows of two seconds: the pause after a
 * connection was cut is one of that tenth and no slowdown. The first tenth is the warm-up: the last is compared with the second.
 */
export function verdict(samples: readonly Sample[], total: number): { lines: string[]; problems: string[] } {
  const tenths = Array.from({ length: 10 }, (_, i) => tenth(samples, (i * total) / 10, ((i + 1) * total) / 10));
  const [second, last] = [tenths[1], tenths[9]];
  if (second === undefined || last === undefined) return { lines: [], problems: ["nothing was measured"] };
  const growth = last.memoryBytes / second.memoryBytes;
  const slowdown = last.perSecond / second.perSecond;
  return {
    lines: [
      ...tenths.map(
        ({ perSecond, memoryBytes }, i) =>
          `tenth ${i + 1}: ${Math.round(perSecond)} records/s, ${Math.round(memoryBytes / 2 ** 20)} MiB`,
      ),
      `last against second: memory × ${growth.toFixed(2)}, throughput × ${slowdown.toFixed(2)}`,
    ],
    problems: [
      ...(growth <= allowedGrowth ? [] : [`memory grew by a factor of ${growth.toFixed(2)}`]),
      ...(slowdown >= allowedSlowdown ? [] : [`the last tenth was ${slowdown.toFixed(2)} as fast as the second`]),
    ],
  };
}

function tenth(samples: readonly Sample[], from: number, to: number): { perSecond: number; memoryBytes: number } {
  const first = samples.findLast(({ records }) => records <= from) ?? samples[0];
  const last = samples.find(({ records }) => records >= to) ?? samples.at(-1);
  if (first === undefined || last === undefined) return { perSecond: 0, memoryBytes: 0 };
  const within = samples.filter(({ ms }) => ms >= first.ms && ms <= last.ms);
  return {
    perSecond: medianRate(within) ?? rate(first, last),
    memoryBytes: Math.max(...within.map(({ memoryBytes }) => memoryBytes)),
  };
}

function medianRate(samples: readonly Sample[]): number | undefined {
  const rates = samples.flatMap((sample) => {
    const end = samples.find(({ ms }) => ms >= sample.ms + windowMs);
    return end === undefined ? [] : [rate(sample, end)];
  });
  return rates.toSorted((a, b) => a - b)[Math.floor(rates.length / 2)];
}

const rate = (from: Sample, to: Sample): number => ((to.records - from.records) / (to.ms - from.ms)) * 1_000;
