const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** `2 d 3 h`, `5 min 20 s`, `12 s`, `340 ms`: the two largest units, of which the second is left out when it is 0. */
export function formatDuration(ms: number): string {
  const rest = Math.max(0, Math.round(ms));
  const first = units.findIndex(([, size]) => rest >= size);
  const [unit, size] = units[first] ?? ["ms", 1];
  const whole = Math.floor(rest / size);
  const [nextUnit, nextSize] = units[first + 1] ?? ["ms", 1];
  const next = first < 0 || unit === "s" ? 0 : Math.floor((rest - whole * size) / nextSize);
  if (unit === "s" && rest < 10_000) return `${(rest / 1_000).toFixed(1)} s`;
  return next === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${next} ${nextUnit}`;
}

/** `3 min`: the largest unit alone, for where there is little room. */
export function formatShortDuration(ms: number): string {
  const rest = Math.max(0, Math.round(ms));
  const [unit, size] = units.find(([, unitMs]) => rest >= unitMs) ?? ["s", 1_000];
  return `${Math.floor(rest / size)} ${unit}`;
}

/** `3 min ago`, `in 20 s`, `now`. */
export function formatDistance(ms: number): string {
  if (Math.abs(ms) < 1_000) return "now";
  return ms < 0 ? `${formatShortDuration(-ms)} ago` : `in ${formatShortDuration(ms)}`;
}
