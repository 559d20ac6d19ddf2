import { Link } from "wouter";
import { Sparkline } from "../charts/sparkline.tsx";
import type { Stream } from "../client/models.ts";
import { Moment } from "../elements/moment.tsx";
import { HealthBadge } from "../elements/status.tsx";
import { formatCount } from "../format/number.ts";
import { Freshness } from "../stream/freshness.tsx";
import { RunMarks } from "./run-marks.tsx";

/** One stream in one line; on a phone, in a few. */
export function StreamRow({ stream }: { stream: Stream }) {
  const name = `${stream.source}.${stream.stream}`;
  const isTrouble = stream.health === "failing" || stream.health === "late";
  return (
    <li className={`stream ${stream.health}`}>
      <div className="stream-name">
        <Link href={`/streams/${stream.source}/${stream.stream}`}>{name}</Link>
        <HealthBadge health={stream.health} />
        <p className={isTrouble ? "reason" : "quiet"}>{stream.healthReason}</p>
      </div>
      <Cell name="Freshness">
        <Freshness freshness={stream.freshness} />
      </Cell>
      <Cell name="Last 24 h">
        <Sparkline throughput={stream.sparkline} />
      </Cell>
      <Cell name="Last runs">
        <RunMarks runs={stream.lastRuns} />
      </Cell>
      <Cell name="Dead letters">
        {stream.openLetters === 0 ? (
          <span className="quiet">none</span>
        ) : (
          <Link href={`/dead-letters?source=${stream.source}&stream=${stream.stream}`} className="letters-link">
            {formatCount(stream.openLetters)} open
          </Link>
        )}
      </Cell>
      <Cell name="Next run">
        <Moment at={stream.nextRunAt} otherwise={stream.schedule === null ? "when told" : "–"} />
        {stream.schedule !== null && <small className="quiet">{stream.schedule}</small>}
      </Cell>
    </li>
  );
}

function Cell({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="cell">
      <span className="cell-name">{name}</span>
      {children}
    </div>
  );
}
