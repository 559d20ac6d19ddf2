import { useState } from "react";
import { Link } from "wouter";
import type { RunDetail } from "../client/models.ts";
import { useMay } from "../client/session.ts";
import { useOperation } from "../client/use-operation.ts";
import { Answer } from "../elements/answer.tsx";
import { Bound, Instant } from "../elements/moment.tsx";
import { Figure, Panel } from "../elements/panel.tsx";
import { RunBadge } from "../elements/status.tsx";
import { formatDuration } from "../format/duration.ts";
import { formatCount } from "../format/number.ts";
import { AccountBar } from "./account-bar.tsx";
import { CancelDialog } from "./cancel-dialog.tsx";
import { PageTimeline } from "./page-timeline.tsx";

export function RunPage({ run }: { run: string }) {
  const detail = useOperation("getRun", { params: { run } });
  return (
    <>
      <title>Run · Penstock</title>
      <Answer of={detail}>{(data) => <RunView run={data} />}</Answer>
    </>
  );
}

function RunView({ run }: { run: RunDetail }) {
  const stream = `${run.source}.${run.stream}`;
  return (
    <>
      <header className="page-header">
        <div>
          <h1>
            Run of <Link href={`/streams/${run.source}/${run.stream}`}>{stream}</Link> <RunBadge status={run.status} />
          </h1>
          <p className="quiet break">
            {run.mode}, {run.partition} · <code>{run.id}</code>
          </p>
        </div>
        <RunActions run={run} />
      </header>
      {run.errorCode !== null && <WhyItEnded run={run} />}
      <RunFigures run={run} />
      <Panel title="What became of the records">
        <AccountBar account={run.account} />
      </Panel>
      <PageTimeline run={run} />
    </>
  );
}

function WhyItEnded({ run: { errorCode, errorMessage, remedy } }: { run: RunDetail }) {
  return (
    <div className="problem">
      <p className="problem-title">
        <code>{errorCode}</code>
      </p>
      <p>{errorMessage}</p>
      {remedy !== null && <p className="remedy">{remedy}</p>}
    </div>
  );
}

function RunActions({ run }: { run: RunDetail }) {
  const mayOperate = useMay("operate");
  const [isAsking, setIsAsking] = useState(false);
  return (
    <div className="actions">
      {mayOperate && run.status === "running" && (
        <button type="button" onClick={() => setIsAsking(true)}>
          Cancel…
        </button>
      )}
      <a className="button" href={run.queueUrl}>
        Its queue
      </a>
      {isAsking && <CancelDialog run={run} onClose={() => setIsAsking(false)} />}
    </div>
  );
}

function RunFigures({ run }: { run: RunDetail }) {
  const { account, durationMs } = run;
  const perSecond = durationMs === 0 ? 0 : (account.fetched / durationMs) * 1_000;
  return (
    <dl className="figures panel">
      <Figure name="Started">
        <Instant at={run.startedAt} />
      </Figure>
      <Figure name={run.endedAt === null ? "Under way for" : "Took"}>{formatDuration(durationMs)}</Figure>
      <Figure name="Pages" note={`committed up to ${run.committedSeq < 0 ? "none" : run.committedSeq}`}>
        {formatCount(run.pages)}
      </Figure>
      <Figure name="Records a second">{formatCount(Math.round(perSecond))}</Figure>
      <Figure name="Started from">
        <Bound bound={run.boundAtStart} />
      </Figure>
      <Figure name="Dead letters" note="open">
        <Link href={`/dead-letters?run=${run.id}`}>{formatCount(run.openLetters)}</Link>
      </Figure>
    </dl>
  );
}
