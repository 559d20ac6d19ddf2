const smallestMs = 100;
const unstatedMs = 1_000;

/**
 * Milliseconds to wait by a `Retry-After` header (RFC 9110 §10.2.3): seconds, or an HTTP date, which is measured against
 * `now`. At least 100 ms, so that a zero or a date gone by is no invitation to hammer; one second when there is no header that can be read.
 */
export function retryAfterMs(header: string | undefined, now: Date): number {
  const asked = header === undefined ? Number.NaN : askedMs(header.trim(), now);
  return Number.isNaN(asked) ? unstatedMs : Math.max(asked, smallestMs);
}

function askedMs(header: string, now: Date): number {
  if (/^\d+(\.\d+)?$/.test(header)) return Math.ceil(Number(header) * 1_000);
  // An HTTP date starts with the day's name; what `Date.parse` would otherwise guess is no date here.
  return /^[A-Za-z]{3,}/.test(header) ? Date.parse(header) - now.getTime() : Number.NaN;
}
