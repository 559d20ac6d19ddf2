import { Link } from "wouter";
import type { StreamDetail } from "../client/models.ts";
import { useOperation } from "../client/use-operation.ts";
import { Answer } from "../elements/answer.tsx";
import { Dialog } from "../elements/dialog.tsx";
import { JsonView } from "../elements/json-view.tsx";
import { Instant } from "../elements/moment.tsx";

type Props = { stream: StreamDetail; recordKey: string; onClose: () => void };

/** One record: its content, where that came from, and what happened to it. */
export function RecordDialog({ stream: { source, stream }, recordKey, onClose }: Props) {
  const record = useOperation("getRecord", { params: { source, stream, key: recordKey } });
  return (
    <Dialog title={recordKey} onClose={onClose}>
      <Answer of={record}>
        {({ data, lineage, history, revision, version, letters }) => (
          <div className="stack">
            <JsonView label={`Content of ${recordKey}`} value={data} />
            <dl className="facts">
              <dt>From</dt>
              <dd>
                page {lineage.seq} of <Link href={`/runs/${lineage.runId}`}>its run</Link>, committed{" "}
                <Instant at={lineage.pageCommittedAt} />
              </dd>
              <dt>Written</dt>
              <dd>{revision === 1 ? "once" : `${revision} times`}</dd>
              <dt>Version</dt>
              <dd className="break">{version ?? "the stream has none"}</dd>
              <dt>Schema</dt>
              <dd>
                <code>{lineage.schemaVersion.slice(0, 12)}</code>
              </dd>
            </dl>
            <h3>What happened</h3>
            <ol className="history">
              {history.map(({ at, kind, letterId }) => (
                <li key={`${at} ${kind} ${letterId}`}>
                  <Instant at={at} /> {kind}
                  {letterId !== null && (
                    <>
                      {" "}
                      <Link href={`/dead-letters/${letterId}`}>as a letter</Link>
                    </>
                  )}
                </li>
              ))}
            </ol>
            {letters.length > 0 && <p>{letters.length} dead letters have its key.</p>}
          </div>
        )}
      </Answer>
    </Dialog>
  );
}
