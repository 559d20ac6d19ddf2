import type { Stream } from "../client/models.ts";
import { Bar } from "../elements/bar.tsx";
import { formatShortDuration } from "../format/duration.ts";
import { useNow } from "../format/use-now.ts";

/** How long ago the last success was, against how long it may be. */
export function Freshness({ freshness: { lastSuccessAt, objectiveMs } }: { freshness: Stream["freshness"] }) {
  const nowMs = useNow();
  if (lastSuccessAt === null) return <span className="quiet">no success yet</span>;
  const ageMs = Math.max(0, nowMs - Date.parse(lastSuccessAt));
  if (objectiveMs === null) return <span>{formatShortDuration(ageMs)} old</span>;
  const share = ageMs / objectiveMs;
  const tone = share > 1 ? "bad" : share > 0.8 ? "warn" : "good";
  const text = `${formatShortDuration(ageMs)} of ${formatShortDuration(objectiveMs)}`;
  return (
    <span className="freshness">
      <span>{text}</span>
      <Bar share={share} tone={tone} label={`Age against the objective: ${text}`} />
    </span>
  );
}
