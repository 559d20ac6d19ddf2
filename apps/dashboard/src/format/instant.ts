const local = new Intl.DateTimeFormat("en-GB", {
  year: "numeric",
  month: "short",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** A tick of an axis: `13:00`, or `31 Jan` where a day begins or the ticks are days apart. */
export function formatTick(seconds: number, stepSeconds: number): string {
  const at = new Date(seconds * 1_000);
  const isMidnight = at.getHours() === 0 && at.getMinutes() === 0;
  return stepSeconds >= 86_400 || isMidnight ? day.format(at) : time.format(at);
}

/** `31 Jan 2026, 13:00:00`, where whoever looks is. */
export const formatInstant = (at: string): string => local.format(new Date(at));

/** Milliseconds from now to an instant; negative of one that is past. */
export const distanceMs = (at: string, nowMs: number): number => Date.parse(at) - nowMs;
