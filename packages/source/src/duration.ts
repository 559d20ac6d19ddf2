import type { Schedule } from "./model.ts";

/** `"500ms"`, `"30s"`, `"5m"`, `"1h"`, `"7d"`, `"2w"`. */
export type Duration = `${number}${keyof typeof unitMs}`;

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** @throws RangeError for what is no duration, or a negative one */
export function durationMs(duration: Duration): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(duration);
  const unit = match?.[2];
  if (!isUnit(unit)) throw new RangeError(`"${duration}" is no duration; write e.g. "30s", "5m" or "1h"`);
  return Number(match?.[1]) * unitMs[unit];
}

function isUnit(text: string | undefined): text is keyof typeof unitMs {
  return text !== undefined && Object.hasOwn(unitMs, text);
}

/** A schedule that is due again and again, `duration` apart. */
export function every(duration: Duration): Schedule {
  return { everyMs: durationMs(duration) };
}
