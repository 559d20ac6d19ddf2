import { useState } from "react";
import { Link } from "wouter";
import type { Backfill } from "../client/models.ts";
import { useMay } from "../client/session.ts";
import { useAction } from "../client/use-operation.ts";
import { AskReason } from "../elements/ask-reason.tsx";
import { Bar } from "../elements/bar.tsx";
import { Bound } from "../elements/moment.tsx";
import { RunBadge } from "../elements/status.tsx";
import { formatDuration } from "../format/duration.ts";
import { formatCount } from "../format/number.ts";

const tones = { running: "busy", succeeded: "good", failed: "bad", cancelled: "warn" } as const;

/** One backfill with how far it is. */
export function BackfillCard({ backfill }: { backfill: Backfill }) {
  const { source, stream, from, to, status, windows } = backfill;
  const mayOperate = useMay("operate");
  const [isAsking, setIsAsking] = useState(false);
  const share = windows.total === 0 ? 0 : windows.done / windows.total;
  return (
    <li className="card">
      <div className="card-title">
        <Link href={`/streams/${source}/${stream}`}>{`${source}.${stream}`}</Link>
        <RunBadge status={status} />
        {mayOperate && status === "running" && (
          <button type="button" onClick={() => setIsAsking(true)}>
            Cancel…
          </button>
        )}
      </div>
      <p>
        <Bound bound={from} /> to <Bound bound={to} />
      </p>
      <Bar share={share} tone={tones[status]} label={`Windows done of ${windows.total}`} />
      <p className="quiet">{describe(backfill)}</p>
      {isAsking && <CancelBackfill backfill={backfill} onClose={() => setIsAsking(false)} />}
    </li>
  );
}

function describe({ windows, account, recordsPerSecond, remainingMs }: Backfill): string {
  const parts = [
    `${formatCount(windows.done)} of ${formatCount(windows.total)} windows`,
    ...(windows.running > 0 ? [`${formatCount(windows.running)} running`] : []),
    ...(windows.failed > 0 ? [`${formatCount(windows.failed)} failed`] : []),
    `${formatCount(account.fetched)} records`,
    ...(recordsPerSecond === null ? [] : [`${formatCount(Math.round(recordsPerSecond))} a second`]),
    ...(remainingMs === null ? [] : [`about ${formatDuration(remainingMs)} left`]),
  ];
  return parts.join(" · ");
}

function CancelBackfill({ backfill: { id, source, stream }, onClose }: { backfill: Backfill; onClose: () => void }) {
  const cancel = useAction("cancelBackfill");
  const confirm = (reason: string | undefined) =>
    cancel.mutate({ params: { backfill: id }, body: reason === undefined ? {} : { reason } }, { onSuccess: onClose });
  return (
    <AskReason
      title={`Cancel this backfill of ${source}.${stream}?`}
      verb="Cancel the backfill"
      onConfirm={confirm}
      onClose={onClose}
      isBusy={cancel.isPending}
      error={cancel.error}
    >
      What it committed stays. Its other windows are not fetched.
    </AskReason>
  );
}
