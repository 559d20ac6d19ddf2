import { setTimeout as delay } from "node:timers/promises";
import { codeOf } from "@penstock/core/decision";

/** Who asks about health has no more time than this, and clients of a database that is away may wait for longer. */
const patienceMs = 2_000;

/** `ok`, or the code of what is wrong: `TIMEOUT` when nothing comes back at all. */
export async function answerOf(question: () => Promise<unknown>): Promise<string> {
  const answered = new AbortController();
  const tooLate = delay(patienceMs, "TIMEOUT", { signal: answered.signal }).catch(() => "TIMEOUT");
  const answer = question().then(() => "ok", codeOf);
  const first = await Promise.race([answer, tooLate]);
  answered.abort();
  return first;
}
