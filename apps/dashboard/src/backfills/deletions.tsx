import { useState } from "react";
import { Link } from "wouter";
import type { Deletion } from "../client/models.ts";
import { useMay } from "../client/session.ts";
import { useAction, useOperation } from "../client/use-operation.ts";
import { AskReason } from "../elements/ask-reason.tsx";
import { Moment } from "../elements/moment.tsx";
import { Panel } from "../elements/panel.tsx";
import { formatMany, formatShare } from "../format/number.ts";

const shownKeys = 5;

/** Deletions that are more than their stream allows, and wait for a decision; nothing where there are none. */
export function Deletions() {
  const deletions = useOperation("listDeletions", {}).data?.items ?? [];
  if (deletions.length === 0) return null;
  return (
    <Panel title="Deletions that wait for a decision">
      <ul className="cards">
        {deletions.map((deletion) => (
          <DeletionCard key={deletion.id} deletion={deletion} />
        ))}
      </ul>
    </Panel>
  );
}

function DeletionCard({ deletion }: { deletion: Deletion }) {
  const { id, source, stream, records, share, foundAt, sample } = deletion;
  const mayDecide = useMay("admin");
  const [verb, setVerb] = useState<"approve" | "reject" | null>(null);
  return (
    <li className="card">
      <div className="card-title">
        <Link href={`/streams/${source}/${stream}`}>{`${source}.${stream}`}</Link>
        {mayDecide && (
          <span className="actions">
            <button type="button" className="danger" onClick={() => setVerb("approve")}>
              Delete them…
            </button>
            <button type="button" onClick={() => setVerb("reject")}>
              Keep them…
            </button>
          </span>
        )}
      </div>
      <p>
        <Link href={`/runs/${id}`}>A full run</Link> found {formatMany(records, "record")} gone ({formatShare(share)} of
        the stream) <Moment at={foundAt} />
        {sample.length > 0 && `, such as ${sample.slice(0, shownKeys).join(", ")}`}.
      </p>
      {verb !== null && <DecisionDialog deletion={deletion} verb={verb} onClose={() => setVerb(null)} />}
    </li>
  );
}

type DecisionProps = { deletion: Deletion; verb: "approve" | "reject"; onClose: () => void };

function DecisionDialog({ deletion: { id, records }, verb, onClose }: DecisionProps) {
  const action = useAction(verb === "approve" ? "approveDeletion" : "rejectDeletion");
  const confirm = (reason: string | undefined) =>
    action.mutate({ params: { deletion: id }, body: reason === undefined ? {} : { reason } }, { onSuccess: onClose });
  return (
    <AskReason
      title={
        verb === "approve"
          ? `Mark ${formatMany(records, "record")} as deleted?`
          : `Keep ${formatMany(records, "record")}?`
      }
      verb={verb === "approve" ? "Delete them" : "Keep them"}
      onConfirm={confirm}
      onClose={onClose}
      isBusy={action.isPending}
      error={action.error}
    >
      {verb === "approve"
        ? "They are marked as deleted, and come back should the API show them again."
        : "They stay as they are, until another full run finds them gone."}
    </AskReason>
  );
}
