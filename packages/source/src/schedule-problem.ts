import { CronExpressionParser } from "cron-parser";
import type { Schedule } from "./model.ts";

/** What keeps a schedule from ever being due as it says; `undefined` when nothing does. */
export function scheduleProblem(schedule: Schedule): string | undefined {
  if ("everyMs" in schedule) {
    if (schedule.everyMs >= 1) return undefined;
    return `schedule: expected an interval of at least 1 ms, received ${schedule.everyMs} ms`;
  }
  const { cron, timezone, jitterMs = 0 } = schedule;
  if (!isTimezone(timezone))
    return `schedule.timezone: expected a name such as Europe/Berlin or UTC, received "${timezone}"`;
  if (!Number.isFinite(jitterMs) || jitterMs < 0)
    return `schedule.jitterMs: expected milliseconds from 0, received ${jitterMs}`;
  const wrong = cronProblem(cron, timezone);
  return wrong === undefined
    ? undefined
    : `schedule.cron: expected five fields, or six with seconds first, received "${cron}": ${wrong}`;
}

function isTimezone(timezone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: timezone }).resolvedOptions().timeZone !== "";
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** The parser is the one that the queue uses. It takes fewer fields too, and days that never come. */
function cronProblem(cron: string, timezone: string): string | undefined {
  const fields = cron.trim().split(/\s+/);
  if (!cron.trim().startsWith("@") && fields.length !== 5 && fields.length !== 6) return `${fields.length} fields`;
  try {
    CronExpressionParser.parse(cron, { tz: timezone }).next();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
