import type { JobPayloads } from "./catalog.ts";
import type { NewJob } from "./queues.ts";

/** Jobs for this package's tests. */
type JobOf<T extends NewJob["type"]> = Extract<NewJob, { type: T }>;

export function fetchJob(source: string, { runId = "run", seq = 0 } = {}): JobOf<"fetch"> {
  const payload = { runId, source, stream: "items", partition: "live", fence: 1, seq, position: { offset: seq } };
  return { type: "fetch", jobId: `F_${runId}_${seq}_0123456789ab`, payload };
}

export function transformJob(source: string, { runId = "run", seq = 0, zstd = "" } = {}): JobOf<"transform"> {
  const payload: JobPayloads["transform"] = {
    runId,
    source,
    stream: "items",
    partition: "live",
    fence: 1,
    seq,
    cursorIn: `${seq}`,
    cursorOut: `${seq + 1}`,
    isLast: false,
    incompleteCode: null,
    contentHash: "0123456789ab",
    observedAt: "2026-01-01T00:00:00.000Z",
    count: 0,
    items: { kind: "inline", zstd },
  };
  return { type: "transform", jobId: `T_${runId}_${seq}_0123456789ab`, payload };
}
