const local = new Intl.DateTimeFormat("en-GB", {
  year: "numeric",
  month: "short",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

/** `31 Jan 2026, 13:00:00`, where whoever looks is. */
export const formatInstant = (at: string): string => local.format(new Date(at));

/** Milliseconds from now to an instant; negative of one that is past. */
export const distanceMs = (at: string, nowMs: number): number => Date.parse(at) - nowMs;
