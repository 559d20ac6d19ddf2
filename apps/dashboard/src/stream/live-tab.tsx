import { useEffect, useRef, useState } from "react";
import type { Change, StreamDetail } from "../client/models.ts";
import { request } from "../client/request.ts";
import { Empty, ProblemNote } from "../elements/answer.tsx";
import { Moment } from "../elements/moment.tsx";
import { Panel } from "../elements/panel.tsx";

const intervalMs = 1_000;
const keptChanges = 200;

/** What is committed, as it is committed: the newest on top. */
export function LiveTab({ stream }: { stream: StreamDetail }) {
  const [isOn, setIsOn] = useState(true);
  const { changes, error } = useChanges(stream, isOn);
  const stop = (
    <button type="button" onClick={() => setIsOn(!isOn)} aria-pressed={!isOn}>
      {isOn ? "Hold" : "Go on"}
    </button>
  );
  return (
    <Panel title="Live tail" actions={stop}>
      {error !== null && <ProblemNote error={error} />}
      {changes.length === 0 && (
        <Empty title="Waiting for the next change.">What is added, updated or deleted from now on appears here.</Empty>
      )}
      <ol className="tail" aria-label="Changes, newest first">
        {changes.map(({ change, changedAt, record }) => (
          <li key={`${record.key} ${changedAt} ${change}`}>
            <span className={`change ${change}`}>{change}</span>
            <Moment at={changedAt} />
            <code className="tail-key">{record.key}</code>
            <code className="tail-data">{JSON.stringify(record.data)}</code>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

/** Asks for the changes after the last one known, again and again while it is on. */
function useChanges({ source, stream }: StreamDetail, isOn: boolean): { changes: Change[]; error: unknown } {
  const [changes, setChanges] = useState<Change[]>([]);
  const [error, setError] = useState<unknown>(null);
  const after = useRef<string>(undefined);
  useEffect(() => {
    if (!isOn) return;
    const stopped = new AbortController();
    const ask = async () => {
      try {
        const from = after.current === undefined ? { start: "now" as const } : { after: after.current };
        const { items, next } = await request("listChanges", {
          query: { source, stream, ...from },
          signal: stopped.signal,
        });
        after.current = next;
        if (items.length > 0) setChanges((known) => [...items.toReversed(), ...known].slice(0, keptChanges));
        setError(null);
      } catch (failure) {
        if (!stopped.signal.aborted) setError(failure);
      }
      if (!stopped.signal.aborted) timer = setTimeout(() => void ask(), intervalMs);
    };
    let timer = setTimeout(() => void ask(), 0);
    return () => {
      stopped.abort();
      clearTimeout(timer);
    };
  }, [source, stream, isOn]);
  return { changes, error };
}
