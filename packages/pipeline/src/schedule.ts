import { contentHash } from "@penstock/core/hash";
import type { QueueSchedule } from "@penstock/queues/queues";
import type { Schedule } from "@penstock/source/model";

/** A stream's schedule for the queue. Streams of one interval are spread over it, each always at the same offset. */
export function queueSchedule(
  source: string,
  stream: string,
  schedule: Schedule | undefined,
): QueueSchedule | undefined {
  if (schedule === undefined || "cron" in schedule) return schedule;
  const spread = Number.parseInt(contentHash(`${source}.${stream}`).slice(0, 8), 16);
  return { everyMs: schedule.everyMs, offsetMs: spread % schedule.everyMs };
}
