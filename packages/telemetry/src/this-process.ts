import { hostname } from "node:os";

/** What tells this process from all others. The host does for the replicas of a container, all of which have the same number. */
export function thisProcess(): { host: string; pid: number } {
  return { host: hostname(), pid: process.pid };
}
