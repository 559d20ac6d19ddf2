import type { Run } from "@penstock/core/run";
import type { QueueDepth } from "@penstock/queues/queues";
import { createLogUpdate } from "log-update";

export type Progress = { run: Run; total: number; depths: QueueDepth[]; throttled: number; serverErrors: number };
export type LiveView = { show(progress: Progress): void; done(): void };

const barWidth = 36;
const plainEveryMs = 1_000;

/** A view that stays in place on a terminal, and one plain line a second elsewhere. */
export function createLiveView(out: NodeJS.WriteStream): LiveView {
  return out.isTTY ? terminalView(out) : plainView(out);
}

function terminalView(out: NodeJS.WriteStream): LiveView {
  const update = createLogUpdate(out, { showCursor: true });
  return { show: (progress) => update(lines(progress).join("\n")), done: () => update.done() };
}

function plainView(out: NodeJS.WriteStream): LiveView {
  let shownAt = 0;
  let last: Progress | undefined;
  const write = (progress: Progress) => out.write(`${plainLine(progress)}\n`);
  return {
    show: (progress) => {
      last = progress;
      if (Date.now() - shownAt < plainEveryMs) return;
      shownAt = Date.now();
      write(progress);
    },
    done: () => last && write(last),
  };
}

function lines(progress: Progress): string[] {
  const { run, total, depths, throttled, serverErrors } = progress;
  const share = Math.min(1, run.account.fetched / total);
  const filled = Math.round(share * barWidth);
  const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
  return [
    `${run.source}.${run.stream}  ${bar} ${Math.round(share * 100)} %  ${run.account.fetched} records  ${rate(run)} records/s`,
    `  ${depths.map(depthOf).join("   ")}`,
    `  ${run.pages} pages   ${throttled} throttled   ${serverErrors} retried   ${run.account.deadLettered} dead letters`,
  ];
}

function plainLine({ run, total, depths, throttled, serverErrors }: Progress): string {
  const waiting = depths.map(depthOf).join(", ");
  return `${run.account.fetched} records of an API that has ${total}, ${rate(run)} records/s, ${run.pages} pages, ${throttled} throttled, ${serverErrors} retried, ${run.account.deadLettered} dead letters; ${waiting}`;
}

function depthOf({ queue, waiting, active, delayed }: QueueDepth): string {
  return `${queue} ${waiting + active + delayed}`;
}

function rate(run: Run): number {
  const seconds = ((run.endedAt ?? new Date()).getTime() - run.startedAt.getTime()) / 1_000;
  return seconds <= 0 ? 0 : Math.round(run.account.fetched / seconds);
}
