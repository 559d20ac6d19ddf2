import { execFileSync } from "node:child_process";
import { inject } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    hasCompose: boolean;
  }
}

/** True when a Docker engine answers and its client can compose. */
export function findCompose(): boolean {
  try {
    execFileSync("docker", ["compose", "ls"], { stdio: "ignore", timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

/** In a test: what was found when the tests started. */
export function hasCompose(): boolean {
  return inject("hasCompose");
}
