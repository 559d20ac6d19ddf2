import { type BreakerState, type SourceState, untroubled } from "@penstock/core/source-state";
import type { Prisma, Transaction } from "./client.ts";
import type { Dialect } from "./dialect.ts";
import { instantOf } from "./instant-of.ts";
import type { ChangedSource, Store } from "./store.ts";

type StateRow = Record<string, unknown>;

/** What `readRun` selects of a source's state on top; there is no row before anything has happened to the source. */
export function sourceStateOf(row: StateRow): SourceState {
  if (typeof row["breaker"] !== "string") return untroubled;
  return {
    throttledUntil: instantOf(row["throttled_until"]),
    throttles: Number(row["throttles"]),
    breaker: row["breaker"] as BreakerState,
    failures: Number(row["failures"]),
    openings: Number(row["openings"]),
    breakerUntil: instantOf(row["breaker_until"]),
    probe: (row["probe"] ?? null) as string | null,
  };
}

export async function sourceStates(db: Prisma): ReturnType<Store["sourceStates"]> {
  const rows = await db.sourceState.findMany({ orderBy: { source: "asc" } });
  return rows.map((row) => ({ ...row, breaker: row.breaker as BreakerState }));
}

/** The row is made and locked before it is read, so that of several changes each sees what the one before it left. */
export async function changeSourceState(
  db: Transaction,
  dialect: Dialect,
  source: string,
  change: (state: SourceState, now: Date) => SourceState,
): Promise<ChangedSource> {
  await db.$executeRaw`INSERT INTO source_states (source) VALUES (${source}) ON CONFLICT (source) DO NOTHING`;
  const [row = {}] = await db.$queryRaw<StateRow[]>`
    SELECT *, ${dialect.now} AS now FROM source_states WHERE source = ${source} ${dialect.forUpdate}`;
  const before = sourceStateOf(row);
  const now = instantOf(row["now"]) ?? new Date();
  const after = change(before, now);
  if (after !== before) await db.sourceState.update({ where: { source }, data: after });
  return { before, after, now };
}
