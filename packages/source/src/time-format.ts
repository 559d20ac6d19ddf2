import { firstInstantMs } from "./instant.ts";

/** How a time is sent to an API, always in UTC. */
export type TimeFormat = "iso" | "iso-seconds" | "date" | "epoch-seconds" | "epoch-milliseconds";

const dayMs = 86_400_000;

const formats: { [F in TimeFormat]: { resolutionMs: number; write: (ms: number) => string } } = {
  iso: { resolutionMs: 1, write: (ms) => new Date(ms).toISOString() },
  "iso-seconds": { resolutionMs: 1_000, write: (ms) => `${new Date(ms).toISOString().slice(0, 19)}Z` },
  date: { resolutionMs: dayMs, write: (ms) => new Date(ms).toISOString().slice(0, 10) },
  "epoch-seconds": { resolutionMs: 1_000, write: (ms) => String(Math.floor(ms / 1_000)) },
  "epoch-milliseconds": { resolutionMs: 1, write: String },
};

export function timeText(ms: number, format: TimeFormat): string {
  return formats[format].write(ms);
}

/** Milliseconds between two times that the format tells apart. */
export function resolutionOf(format: TimeFormat): number {
  return formats[format].resolutionMs;
}

/** The last time before `ms` that the format can write: whoever asks from there is given `ms`, included or not. */
export function timeBefore(ms: number, format: TimeFormat): number {
  const resolution = resolutionOf(format);
  return Math.max((Math.ceil(ms / resolution) - 1) * resolution, firstInstantMs);
}
