import { createLogUpdate } from "log-update";

/** How far something long has come. `done` and `remaining` in `unit`s. */
export type Progress = { done: number; remaining: number; unit: string };

const plainEveryMs = 10_000;
const barWidth = 30;

/**
 * Shows progress with its rate and the time that is left: as a bar that stays in place on a terminal, else as a line now and then.
 * Written where errors go, so that what a command prints stays clean.
 */
export function createProgress(out: NodeJS.WriteStream, now: () => number = Date.now) {
  const startedAt = now();
  const update = out.isTTY ? createLogUpdate(out) : undefined;
  let first: number | undefined;
  let shownAt = startedAt;
  return {
    show: (progress: Progress): void => {
      first ??= progress.done;
      const text = progressText(progress, progress.done - first, now() - startedAt);
      if (update !== undefined) update(text);
      else if (now() - shownAt >= plainEveryMs) {
        shownAt = now();
        out.write(`${text}\n`);
      }
    },
    end: (): void => update?.done(),
  };
}

/** `doneNow`: in this process, which the rate is of; the rest was done before an interruption. */
export function progressText({ done, remaining, unit }: Progress, doneNow: number, elapsedMs: number): string {
  const total = done + remaining;
  const share = total === 0 ? 1 : done / total;
  const filled = Math.round(share * barWidth);
  const rate = elapsedMs === 0 ? 0 : (doneNow * 1_000) / elapsedMs;
  const left = rate === 0 ? "" : `, ${Math.ceil(remaining / rate)} s left`;
  const bar = `${"█".repeat(filled)}${"░".repeat(barWidth - filled)}`;
  return `${bar} ${Math.floor(share * 100)} %  ${done} of ${total} ${unit}, ${rate.toFixed(1)} ${unit}/s${left}`;
}
