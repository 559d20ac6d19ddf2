import { Link } from "wouter";
import type { Run } from "../client/models.ts";
import { runMark } from "../elements/status.tsx";
import { formatDuration } from "../format/duration.ts";
import { formatInstant } from "../format/instant.ts";
import { formatMany } from "../format/number.ts";

/** The last runs as a row of squares, the newest at the right. */
export function RunMarks({ runs }: { runs: Run[] }) {
  if (runs.length === 0) return <span className="quiet">none yet</span>;
  return (
    <span className="run-marks">
      {runs.toReversed().map((run) => {
        const { tone, sign } = runMark(run.status);
        const text = `${run.status} ${formatInstant(run.startedAt)}: ${formatMany(run.account.fetched, "record")} in ${formatDuration(run.durationMs)}`;
        return (
          <Link
            key={run.id}
            href={`/runs/${run.id}`}
            className={`run-mark ${tone}`}
            title={text}
            aria-label={`Run ${text}`}
          >
            {sign}
          </Link>
        );
      })}
    </span>
  );
}
