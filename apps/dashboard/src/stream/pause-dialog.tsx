import type { StreamDetail } from "../client/models.ts";
import { useAction } from "../client/use-operation.ts";
import { AskReason } from "../elements/ask-reason.tsx";

/** Pauses a stream, or lets it go on. */
export function PauseDialog({ stream, onClose }: { stream: StreamDetail; onClose: () => void }) {
  const name = `${stream.source}.${stream.stream}`;
  const action = useAction(stream.isPaused ? "resumeStream" : "pauseStream");
  const confirm = (reason: string | undefined) =>
    action.mutate(
      { params: { source: stream.source, stream: stream.stream }, body: reason === undefined ? {} : { reason } },
      { onSuccess: onClose },
    );
  return (
    <AskReason
      title={stream.isPaused ? `Resume ${name}?` : `Pause ${name}?`}
      verb={stream.isPaused ? "Resume" : "Pause"}
      onConfirm={confirm}
      onClose={onClose}
      isBusy={action.isPending}
      error={action.error}
    >
      {stream.isPaused
        ? "It goes on where it was, and then by its schedule."
        : "No page of it is fetched until it is resumed. What it has is kept, and so is the place to go on from."}
    </AskReason>
  );
}
