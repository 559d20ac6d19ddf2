import type { JobSchedulerJson } from "bullmq";
import type { BullQueue } from "./backend.ts";
import { catalog } from "./catalog.ts";
import { jobOptions } from "./job-options.ts";
import type { QueueSchedule } from "./queues.ts";

/*
 * Job Schedulers live in the queue `tick`, one per stream. Writing one anew moves its pending tick to the end of the
 * queue, so one that is as it should be is left alone; one that is long overdue has lost its pending tick, and writing
 * it anew brings it back.
 */

const schedulerId = (source: string, stream: string): string => `${source}.${stream}`;

export type StreamSchedule = { source: string; stream: string; schedule: QueueSchedule | undefined };

export async function applySchedule(
  ticks: BullQueue,
  wanted: StreamSchedule,
  keepsCompleted: boolean,
  now = Date.now(),
): Promise<void> {
  const { source, stream, schedule } = wanted;
  const id = schedulerId(source, stream);
  const present = await ticks.getJobScheduler(id);
  if (schedule === undefined) {
    if (present !== undefined) await ticks.removeJobScheduler(id);
    return;
  }
  if (present !== undefined && isSame(present, schedule) && !isOverdue(present, schedule, now)) return;
  await ticks.upsertJobScheduler(id, repetition(schedule), {
    name: "tick",
    data: tickOf(wanted.source, wanted.stream, schedule),
    opts: jobOptions("tick", keepsCompleted),
  });
}

export async function nextTick(ticks: BullQueue, source: string, stream: string): Promise<Date | undefined> {
  const scheduler = await ticks.getJobScheduler(schedulerId(source, stream));
  return scheduler?.next === undefined ? undefined : new Date(scheduler.next);
}

function tickOf(source: string, stream: string, schedule: QueueSchedule) {
  return "cron" in schedule && schedule.delayMs > 0
    ? { source, stream, delayMs: schedule.delayMs }
    : { source, stream };
}

function repetition(schedule: QueueSchedule) {
  return "cron" in schedule
    ? { pattern: schedule.cron, tz: schedule.timezone }
    : { every: schedule.everyMs, offset: offsetOf(schedule) };
}

/** BullMQ takes 0 for "none given", runs at once and makes up an offset of its own. */
const offsetOf = (schedule: { offsetMs: number }): number => Math.max(1, schedule.offsetMs);

function isSame(present: JobSchedulerJson, schedule: QueueSchedule): boolean {
  if ("cron" in schedule) {
    const delayMs = catalog.tick.payload.safeParse(present.template?.data).data?.delayMs ?? 0;
    return present.pattern === schedule.cron && present.tz === schedule.timezone && delayMs === schedule.delayMs;
  }
  return present.every === schedule.everyMs && present.offset === offsetOf(schedule);
}

const cronOverdueMs = 300_000;

function isOverdue(present: JobSchedulerJson, schedule: QueueSchedule, now: number): boolean {
  const allowedMs = "cron" in schedule ? cronOverdueMs : 2 * schedule.everyMs;
  return present.next === undefined || present.next < now - allowedMs;
}
