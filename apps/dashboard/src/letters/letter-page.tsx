import { Link } from "wouter";
import type { LetterDetail } from "../client/models.ts";
import { useMay } from "../client/session.ts";
import { useOperation } from "../client/use-operation.ts";
import { Answer } from "../elements/answer.tsx";
import { JsonView } from "../elements/json-view.tsx";
import { Instant } from "../elements/moment.tsx";
import { Panel } from "../elements/panel.tsx";
import { formatMany } from "../format/number.ts";
import { LetterActions } from "./letter-actions.tsx";

export function LetterPage({ letter }: { letter: string }) {
  const detail = useOperation("getLetter", { params: { letter } });
  return (
    <>
      <title>Dead letter · Penstock</title>
      <Answer of={detail}>{(data) => <LetterView letter={data} />}</Answer>
    </>
  );
}

function LetterView({ letter }: { letter: LetterDetail }) {
  const mayOperate = useMay("operate");
  const { id, key, kind, source, stream, payload, path, status } = letter;
  return (
    <>
      <header className="page-header">
        <div>
          <p>
            <Link href={`/dead-letters?source=${source}&stream=${stream}`}>
              ← Dead letters of {`${source}.${stream}`}
            </Link>
          </p>
          <h1 className="break">{key ?? `A ${kind} without key`}</h1>
          <p className="quiet">
            {kind}, {status}
          </p>
        </div>
        <div className="actions">
          {mayOperate && status === "open" && (
            <LetterActions choice={{ ids: [id] }} which="it" onDone={() => undefined} />
          )}
        </div>
      </header>
      <div className="side-by-side">
        <Reason letter={letter} />
        <Panel title="What arrived">
          <JsonView label="Payload" value={payload} path={path} />
        </Panel>
      </div>
    </>
  );
}

function Reason({ letter }: { letter: LetterDetail }) {
  const { code, message, remedy, path, runId, seq, attempts, redrives, traceId, queueUrl } = letter;
  return (
    <Panel title="Why it is here">
      <div className="stack">
        <p>
          <code>{code}</code>
          {path !== null && (
            <>
              {" at "}
              <mark>
                <code>{path}</code>
              </mark>
            </>
          )}
        </p>
        <p className="break">{message}</p>
        <p className="remedy">{remedy}</p>
        <dl className="facts">
          <dt>From</dt>
          <dd>
            page {seq} of <Link href={`/runs/${runId}`}>its run</Link>
          </dd>
          <dt>Asked for</dt>
          <dd>
            <Instant at={letter.observedAt} />
          </dd>
          <dt>First met</dt>
          <dd>
            <Instant at={letter.firstSeenAt} />
          </dd>
          <dt>Last met</dt>
          <dd>
            <Instant at={letter.lastSeenAt} />
          </dd>
          <dt>Met</dt>
          <dd>{formatMany(attempts, "time")}</dd>
          <dt>Put back</dt>
          <dd>{formatMany(redrives, "time")}</dd>
          <dt>Trace</dt>
          <dd className="break">{traceId ?? "–"}</dd>
        </dl>
        {queueUrl !== null && <a href={queueUrl}>Its job in the queue dead-letter</a>}
      </div>
    </Panel>
  );
}
