import { hostname, userInfo } from "node:os";
import type { Author } from "@penstock/core/audit";

/** Who the audit log says did it: the person the operating system knows this process by, and why, if they said. */
export function authorOf({ reason }: { reason?: string }): Author {
  return { actor: `cli:${userName()}@${hostname()}`, reason: reason ?? null };
}

/** A container may run as a user that has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}
