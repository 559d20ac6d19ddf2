import type { RunDetail } from "../client/models.ts";
import { useAction } from "../client/use-operation.ts";
import { AskReason } from "../elements/ask-reason.tsx";

export function CancelDialog({ run, onClose }: { run: RunDetail; onClose: () => void }) {
  const cancel = useAction("cancelRun");
  const confirm = (reason: string | undefined) =>
    cancel.mutate({ params: { run: run.id }, body: reason === undefined ? {} : { reason } }, { onSuccess: onClose });
  return (
    <AskReason
      title={`Cancel this run of ${run.source}.${run.stream}?`}
      verb="Cancel the run"
      onConfirm={confirm}
      onClose={onClose}
      isBusy={cancel.isPending}
      error={cancel.error}
    >
      What it committed stays. The next run starts from the checkpoint.
    </AskReason>
  );
}
