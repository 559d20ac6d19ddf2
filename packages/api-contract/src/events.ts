import { z } from "zod";
import { run } from "./runs.ts";
import { queue } from "./session.ts";
import { streamSummary } from "./streams.ts";

/**
 * Live state, as server-sent events. The name of an event is its `type`. On connecting, everything is told once; afterwards what
 * changed.
 */
export const liveEvent = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("streams"), streams: z.array(streamSummary) }),
    z.object({ type: z.literal("runs"), runs: z.array(run) }),
    z.object({ type: z.literal("queues"), queues: z.array(queue) }),
    z.object({
      type: z.literal("letters"),
      open: z.array(z.object({ source: z.string(), stream: z.string(), open: z.int() })),
    }),
  ])
  .meta({ id: "LiveEvent" });

export type LiveEvent = z.infer<typeof liveEvent>;
