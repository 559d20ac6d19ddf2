import type { DriftCount } from "@penstock/core/drift";
import type { PipelineContext } from "./context.ts";

const shownPaths = 10;

/** All drift is counted; what was never seen before is logged too, one line per page. */
export function reportDrift(
  { metrics, logger }: Pick<PipelineContext, "metrics" | "logger">,
  { source, stream, runId, seq }: { source: string; stream: string; runId: string; seq: number },
  drift: readonly DriftCount[],
  isNew: readonly DriftCount[],
): void {
  for (const { kind, action, records } of drift) metrics.drifted({ source, stream, kind, action, records });
  if (isNew.length === 0) return;
  const first = isNew.slice(0, shownPaths);
  const drifted = first.map(({ kind, path, expected, came, action }) => ({ kind, path, expected, came, action }));
  logger.warn({ source, stream, runId, seq, paths: isNew.length, drifted }, "the schema does not say what arrived");
}
