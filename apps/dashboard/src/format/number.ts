const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });

/** `12,345` */
export const formatCount = (count: number): string => whole.format(count);

/** `12.3K`, for where there is little room. */
export const formatCompact = (count: number): string => compact.format(count);

/** `12.5%` of 0.125. */
export const formatShare = (share: number): string => percent.format(share);

/** `1 run`, `2 runs`. */
export function formatMany(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
