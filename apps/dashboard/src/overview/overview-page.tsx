import { Deletions } from "../backfills/deletions.tsx";
import type { Stream } from "../client/models.ts";
import { useOperation } from "../client/use-operation.ts";
import { Answer, Empty } from "../elements/answer.tsx";
import { Figure } from "../elements/panel.tsx";
import { formatCompact, formatCount } from "../format/number.ts";
import { StreamRow } from "./stream-row.tsx";
import { inOrderOfUrgency, verdictOn } from "./verdict.ts";

export function OverviewPage() {
  const streams = useOperation("listStreams", {});
  return (
    <>
      <title>Overview · Penstock</title>
      <Answer of={streams}>{({ items }) => <Overview streams={items} />}</Answer>
    </>
  );
}

const signs = { good: "✓", warn: "!", bad: "✕", still: "○" };

function Overview({ streams }: { streams: Stream[] }) {
  const { tone, title, detail } = verdictOn(streams);
  return (
    <>
      <section className={`verdict ${tone}`}>
        <span className="verdict-sign" aria-hidden="true">
          {signs[tone]}
        </span>
        <div>
          <h1>{title}</h1>
          {detail !== "" && <p>{detail}</p>}
        </div>
        <Figures streams={streams} />
      </section>
      <Deletions />
      {streams.length === 0 ? <NoStreams /> : <Streams streams={streams} />}
    </>
  );
}

function Streams({ streams }: { streams: Stream[] }) {
  return (
    <ul className="streams" aria-label="Streams">
      {inOrderOfUrgency(streams).map((stream) => (
        <StreamRow key={`${stream.source}.${stream.stream}`} stream={stream} />
      ))}
    </ul>
  );
}

function Figures({ streams }: { streams: Stream[] }) {
  // Dead letters wait for a person, not for a worker.
  const queues = useOperation("listQueues", {}).data?.items.filter(({ name }) => name !== "dead-letter");
  const written = streams.flatMap(({ sparkline }) => sparkline.points).reduce((sum, point) => sum + point.written, 0);
  const waiting = queues?.reduce((sum, queue) => sum + queue.waiting, 0);
  const active = queues?.reduce((sum, queue) => sum + queue.active, 0);
  return (
    <dl className="figures">
      <Figure name="written in 24 h">
        <span title={formatCount(written)}>{formatCompact(written)}</span>
      </Figure>
      <Figure name="jobs active">{active === undefined ? "–" : formatCompact(active)}</Figure>
      <Figure name="jobs waiting">{waiting === undefined ? "–" : formatCompact(waiting)}</Figure>
    </dl>
  );
}

function NoStreams() {
  return (
    <Empty title="No source is defined.">
      A source is a file in <code>sources/</code>: <code>./penstock new NAME</code> writes one, and it appears here.
    </Empty>
  );
}
