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

/** The answer to every route of the contract. */
export const handlers: Handlers = {
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
