import { use } from "react";
import type { Queue, SourceState } from "../client/models.ts";
import { SessionContext, useMay } from "../client/session.ts";
import { useOperation } from "../client/use-operation.ts";
import { Answer, Empty } from "../elements/answer.tsx";
import { Moment } from "../elements/moment.tsx";
import { Panel, Scrolling } from "../elements/panel.tsx";
import { Badge } from "../elements/status.tsx";
import { formatCount } from "../format/number.ts";
import { standingOf } from "./source-standing.ts";

/** How much work waits where, and which sources are held back. Job by job it is in Bull Board. */
export function QueuesPage() {
  const queues = useOperation("listQueues", {});
  const sources = useOperation("listSources", {});
  const mayOperate = useMay("operate");
  return (
    <>
      <title>Queues · Penstock</title>
      <header className="page-header">
        <div>
          <h1>Queues</h1>
          <p className="quiet">
            Bull Board shows every job{mayOperate ? "." : ", and for your key, nothing that could be pressed."}
          </p>
        </div>
        <div className="actions">
          <a className="button primary" href={use(SessionContext)?.queuesUrl ?? "/queues"}>
            Open Bull Board
          </a>
        </div>
      </header>
      <Panel title="Depths">
        <Answer of={queues}>{({ items }) => <QueueTable queues={items} />}</Answer>
      </Panel>
      <Panel title="Sources">
        <Answer of={sources}>{({ items }) => <SourceTable sources={items} />}</Answer>
      </Panel>
    </>
  );
}

function QueueTable({ queues }: { queues: Queue[] }) {
  if (queues.length === 0) return <Empty title="There are no queues." />;
  return (
    <Scrolling label="Queues">
      <table>
        <thead>
          <tr>
            <th scope="col">Queue</th>
            <th scope="col" className="number">
              Waiting
            </th>
            <th scope="col" className="number">
              Active
            </th>
            <th scope="col" className="number">
              Delayed
            </th>
            <th scope="col" className="number">
              Failed
            </th>
          </tr>
        </thead>
        <tbody>
          {queues.map(({ name, url, waiting, active, delayed, failed }) => (
            <tr key={name}>
              <td>
                <a href={url}>{name}</a>
              </td>
              {Object.entries({ waiting, active, delayed, failed }).map(([state, count]) => (
                <td key={state} className={count === 0 ? "number quiet" : `number ${state}`}>
                  {formatCount(count)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolling>
  );
}

function SourceTable({ sources }: { sources: SourceState[] }) {
  if (sources.length === 0) return <Empty title="No source is defined." />;
  return (
    <Scrolling label="Sources">
      <table>
        <thead>
          <tr>
            <th scope="col">Source</th>
            <th scope="col">State</th>
            <th scope="col">Asked again</th>
            <th scope="col" className="number">
              Failures in a row
            </th>
            <th scope="col">Limit</th>
            <th scope="col">Lacks</th>
          </tr>
        </thead>
        <tbody>
          {sources.map((source) => (
            <SourceRow key={source.name} source={source} />
          ))}
        </tbody>
      </table>
    </Scrolling>
  );
}

function SourceRow({ source }: { source: SourceState }) {
  const { name, heldUntil, failures, rateLimit, concurrency, problems } = source;
  const [tone, sign, word] = standingOf(source);
  const limits = [
    ...(rateLimit === null ? [] : [`${rateLimit.max} in ${rateLimit.perMs / 1_000} s`]),
    ...(concurrency === null ? [] : [`${concurrency} at once`]),
  ];
  return (
    <tr>
      <td>{name}</td>
      <td>
        <Badge tone={tone} sign={sign}>
          {word}
        </Badge>
      </td>
      <td>
        <Moment at={heldUntil} otherwise="–" />
      </td>
      <td className={failures === 0 ? "number quiet" : "number"}>{formatCount(failures)}</td>
      <td>{limits.join(", ") || "–"}</td>
      <td>{problems.join("; ") || "–"}</td>
    </tr>
  );
}
