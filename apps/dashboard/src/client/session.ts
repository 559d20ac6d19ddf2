import { covers, type Scope } from "@penstock/api-contract/route";
import { createContext, use } from "react";
import type { Session } from "./models.ts";

export const SessionContext = createContext<Session | null>(null);

/** Whether whoever looks at the page may do what needs the scope. */
export function useMay(needed: Scope): boolean {
  return covers(use(SessionContext)?.caller?.scope ?? "none", needed);
}
