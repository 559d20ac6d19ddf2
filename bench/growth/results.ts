import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Machine, machine, today, writeFigures } from "../results.ts";
import type { Point } from "./measure.ts";
import type { GrowingName } from "./ways.ts";

export type Grown = { date: string; machine: Machine; rounds: number; points: Point[] };

export type Growth = Partial<Record<GrowingName, Grown>>;

const path = join(import.meta.dirname, "../results/growth.json");

export const readGrowth = async (): Promise<Growth> => JSON.parse(await readFile(path, "utf8"));

/** In the place of what was measured of it before; the others stay. */
export async function keepGrowth(name: GrowingName, rounds: number, points: Point[]): Promise<void> {
  await writeFigures(path, { ...(await readGrowth()), [name]: { date: today(), machine: machine(), rounds, points } });
}
