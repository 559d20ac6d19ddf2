import { execFileSync } from "node:child_process";
import { inject } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    hasPromtool: boolean;
  }
}

/** True when Prometheus' own checker is installed (Debian's package prometheus has it). */
export function findPromtool(): boolean {
  try {
    execFileSync("promtool", ["--version"], { stdio: "ignore", timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

/** In a test: what was found when the tests started. */
export function hasPromtool(): boolean {
  return inject("hasPromtool");
}
