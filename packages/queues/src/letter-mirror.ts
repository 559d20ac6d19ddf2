import { shortHash } from "@penstock/core/hash";
import { canonicalJson } from "@penstock/core/json";
import type { BullQueue } from "./backend.ts";
import type { LetterMirror } from "./queues.ts";

const mirrored = 1_000;
/** Of what it shows too: a letter that is met again, for another reason perhaps, takes the place of what it was. */
const letterJobId = (letter: LetterMirror): string => `L_${letter.id}_${shortHash(canonicalJson(letter))}`;

/** Makes the queue's waiting jobs those of the first thousand letters given (the newest). No worker ever takes them. */
export async function mirrorLetters(queue: BullQueue, letters: LetterMirror[]): Promise<void> {
  const wanted = new Map(letters.slice(0, mirrored).map((letter) => [letterJobId(letter), letter]));
  const present = new Set((await queue.getBackend().getRanges(["wait"], 0, -1)).flat());
  for (const jobId of present) if (!wanted.has(jobId)) await queue.remove(jobId);
  const missing = [...wanted].filter(([jobId]) => !present.has(jobId));
  await queue.addBulk(missing.map(([jobId, letter]) => ({ name: letter.code, data: letter, opts: { jobId } })));
}
