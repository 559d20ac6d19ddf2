import { Link } from "wouter";
import type { StreamDetail } from "../client/models.ts";
import { Bound, Moment } from "../elements/moment.tsx";
import { Figure } from "../elements/panel.tsx";
import { formatCount } from "../format/number.ts";
import { Freshness } from "./freshness.tsx";

/** Where the stream stands, in figures. */
export function StreamFigures({ stream }: { stream: StreamDetail }) {
  const { source, stream: name, freshness, openLetters, partitions } = stream;
  return (
    <dl className="figures panel">
      <Figure name="Freshness">
        <Freshness freshness={freshness} />
      </Figure>
      <Figure name="Newest record">
        <Moment at={freshness.watermark} otherwise={stream.eventTime === null ? "has no event time" : "none yet"} />
      </Figure>
      <Figure name="Next run" note={stream.schedule ?? undefined}>
        <Moment at={stream.nextRunAt} otherwise={stream.schedule === null ? "when told" : "–"} />
      </Figure>
      <Figure name="Next run asks from">
        <Bound bound={stream.bound} />
      </Figure>
      <Figure name="Dead letters" note={`budget ${stream.deadLetterBudget}`}>
        <Link href={`/dead-letters?source=${source}&stream=${name}`}>{formatCount(openLetters)}</Link>
      </Figure>
      {partitions !== null && (
        <Figure
          name="Partitions"
          note={`${formatCount(partitions.due)} due, ${formatCount(partitions.failing)} failing`}
        >
          {formatCount(partitions.total)}
        </Figure>
      )}
    </dl>
  );
}
