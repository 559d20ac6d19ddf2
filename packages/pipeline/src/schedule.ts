import { contentHash } from "@penstock/core/hash";
import type { QueueSchedule } from "@penstock/queues/queues";
import type { Schedule } from "@penstock/source/model";

/**
 * A stream's schedule for the queue. Streams of one interval are spread over it, and those of one cron rule over its jitter,
 * each always by the same time, so that a restart does not run any of them twice or late.
 */
export function queueSchedule(
  source: string,
  stream: string,
  schedule: Schedule | undefined,
): QueueSchedule | undefined {
  if (schedule === undefined) return undefined;
  const spread = Number.parseInt(contentHash(`${source}.${stream}`).slice(0, 8), 16);
  if ("everyMs" in schedule) return { everyMs: schedule.everyMs, offsetMs: spread % schedule.everyMs };
  const { cron, timezone, jitterMs = 0 } = schedule;
  return { cron, timezone, delayMs: jitterMs === 0 ? 0 : spread % jitterMs };
}
