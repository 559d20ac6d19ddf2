import type { PipelineContext } from "./context.ts";
import { enqueueRedrives } from "./redrive.ts";
import { queueSchedule } from "./schedule.ts";

/**
 * Gives the queue back what it should know and a lost Redis has forgotten: limits and schedules of every source, and the
 * jobs of letters being redriven. Changes nothing where all is as it should be.
 */
export async function restoreQueueState(context: PipelineContext): Promise<void> {
  await context.reach("restore.begun");
  for (const source of context.sources.values()) {
    await context.queues.applyLimits(source.name, source);
    for (const stream of Object.values(source.streams)) {
      const schedule = queueSchedule(source.name, stream.name, stream.schedule);
      await context.queues.applySchedule(source.name, stream.name, schedule);
    }
  }
  await context.reach("restore.restored");
  await enqueueRedrives(context, await context.store.listLetters({ status: "redriving", limit: 1_000 }));
}
