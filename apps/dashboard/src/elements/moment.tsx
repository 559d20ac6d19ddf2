import { formatDistance } from "../format/duration.ts";
import { distanceMs, formatInstant } from "../format/instant.ts";
import { useNow } from "../format/use-now.ts";

/** An instant as its distance from now, with the date for who points at it; `otherwise` where there is none. */
export function Moment({ at, otherwise = "never" }: { at: string | null; otherwise?: string }) {
  const nowMs = useNow();
  if (at === null) return <span className="quiet">{otherwise}</span>;
  return (
    <time dateTime={at} title={formatInstant(at)}>
      {formatDistance(distanceMs(at, nowMs))}
    </time>
  );
}

/** A bound of the API: an instant where it reads as one, else the text that it is. */
export function Bound({ bound }: { bound: string | null }) {
  if (bound === null) return "the beginning";
  const isInstant = /^\d{4}-\d\d-\d\dT/.test(bound) && !Number.isNaN(Date.parse(bound));
  return isInstant ? <Instant at={bound} /> : <span className="break">{bound}</span>;
}

/** An instant as a date and time. */
export function Instant({ at, otherwise = "–" }: { at: string | null; otherwise?: string }) {
  if (at === null) return <span className="quiet">{otherwise}</span>;
  return (
    <time dateTime={at} title={at} className="number">
      {formatInstant(at)}
    </time>
  );
}
