import { usageOf } from "../usage.ts";

/** The last line of a contender that is a process of its own: when its last record was stored, and what it took. */
export async function tellAccount(records: number): Promise<void> {
  const endedAt = Date.now();
  process.stdout.write(`${JSON.stringify({ records, endedAt, usage: await usageOf("self") })}\n`);
}
