import { depth } from "./depth.ts";
import type { Growing } from "./measure.ts";
import { streams } from "./streams.ts";
import { table } from "./table.ts";
import { workers } from "./workers.ts";

/** In the order of the report. */
export const ways = { table, streams, depth, workers } satisfies Record<string, Growing>;

export type GrowingName = keyof typeof ways;

export const growingNames = Object.keys(ways) as GrowingName[];
