import type { Author } from "@penstock/core/audit";
import type { Caller } from "./access/callers.ts";

/** Who the audit log says did it, and why, if they said. */
export function authorOf(caller: Caller | undefined, reason?: string): Author {
  return { actor: `api:${caller?.name ?? "nobody"}`, reason: reason ?? null };
}
