import type { Handlers } from "../handler.ts";
import { actionHandlers } from "./actions.ts";
import { backfillHandlers } from "./backfills.ts";
import { deletionHandlers } from "./deletions.ts";
import { eventHandlers } from "./events.ts";
import { letterHandlers } from "./letters.ts";
import { recordHandlers } from "./records.ts";
import { runHandlers } from "./runs.ts";
import { sessionHandlers } from "./session.ts";
import { streamHandlers } from "./streams.ts";

/** The answers there are. */
export const handlers: Partial<Handlers> = {
  ...recordHandlers,
  ...streamHandlers,
  ...runHandlers,
  ...letterHandlers,
  ...actionHandlers,
  ...backfillHandlers,
  ...deletionHandlers,
  ...eventHandlers,
  ...sessionHandlers,
};
