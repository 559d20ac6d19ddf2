import { useState } from "react";
import { Link } from "wouter";
import type { StreamDetail } from "../client/models.ts";
import { useMay } from "../client/session.ts";
import { useAction } from "../client/use-operation.ts";
import { ProblemNote } from "../elements/answer.tsx";
import { PauseDialog } from "./pause-dialog.tsx";

/** What can be done with a stream, for who may. */
export function StreamActions({ stream }: { stream: StreamDetail }) {
  const mayOperate = useMay("operate");
  const start = useAction("startRun");
  const [isAsking, setIsAsking] = useState(false);
  if (!mayOperate) return null;
  const names = { source: stream.source, stream: stream.stream };
  const run = (mode: "incremental" | "full") => start.mutate({ body: { ...names, mode } });
  return (
    <div className="stack">
      <div className="actions">
        <button type="button" className="primary" disabled={start.isPending} onClick={() => run("incremental")}>
          Run now
        </button>
        <button
          type="button"
          disabled={start.isPending}
          onClick={() => run("full")}
          title="From the beginning, not from the checkpoint"
        >
          Full run
        </button>
        <button type="button" onClick={() => setIsAsking(true)}>
          {stream.isPaused ? "Resume…" : "Pause…"}
        </button>
        <Link href={`/backfills?source=${names.source}&stream=${names.stream}`} className="button">
          Backfill…
        </Link>
      </div>
      {start.isError && <ProblemNote error={start.error} />}
      {start.isSuccess && (
        <p role="status" className="done">
          {start.data.isNew ? "Started: " : "Under way already: "}
          <Link href={`/runs/${start.data.run.id}`}>its run</Link>
        </p>
      )}
      {isAsking && <PauseDialog stream={stream} onClose={() => setIsAsking(false)} />}
    </div>
  );
}
