import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { QueueSettings } from "./backend.ts";

/** A process that takes jobs and never ends them (see test-processes/hold-jobs.ts), to be killed by a test. */
export type HeldProcess = {
  pid: number;
  /** Resolves when it has told so: `open`, then `active` for each job. */
  heard(word: "open" | "active"): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
};

export function holdJobs(settings: QueueSettings, queue: string): HeldProcess {
  const child = fork(join(import.meta.dirname, "test-processes/hold-jobs.ts"), { stdio: "inherit" });
  const words = new Set<unknown>();
  child.on("message", (word) => void words.add(word));
  child.send({ settings, queue });
  const heard = async (word: string) => {
    while (!words.has(word)) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the process ended before it was ${word}`);
      await Promise.race([once(child, "message"), once(child, "exit")]);
    }
  };
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  };
  return { pid: child.pid ?? 0, heard, kill };
}
