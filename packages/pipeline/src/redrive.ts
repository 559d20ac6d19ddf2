import type { Author } from "@penstock/core/audit";
import { PermanentError } from "@penstock/core/errors";
import { redriveJobId } from "@penstock/core/job-id";
import { type JsonValue, jsonText } from "@penstock/core/json";
import { batchOf, emptyBatch } from "@penstock/core/record";
import type { JobPayloads } from "@penstock/queues/catalog";
import { schemaVersion } from "@penstock/source/view-columns";
import type { LetterFilter, StoredLetter } from "@penstock/store/store";
import { childrenOf, parentRecord, readParent } from "./children.ts";
import { definitionOf, type PipelineContext } from "./context.ts";
import { reasonOf, recordLetter } from "./letters.ts";
import { transformItems } from "./page-records.ts";
import { startRun } from "./start-run.ts";

/**
 * Puts open letters back to the stage they failed in, oldest first, and returns them. The database is told first
 * (`open → redriving`), so that a queue that loses the job loses no letter.
 */
export async function requestRedrive(
  context: PipelineContext,
  filter: LetterFilter,
  author: Author,
): Promise<StoredLetter[]> {
  const claimed = await context.store.claimForRedrive(filter, author);
  await context.reach("redrive.claimed");
  await enqueueRedrives(context, claimed);
  await context.reach("redrive.enqueued");
  return claimed;
}

/** Enqueues the jobs of letters that are `redriving`; jobs that the queue still has are not added twice. */
export async function enqueueRedrives(context: PipelineContext, letters: StoredLetter[]): Promise<void> {
  await context.queues.enqueue(
    letters.map(({ id, redrives }) => ({
      type: "redrive",
      jobId: redriveJobId(id, redrives),
      payload: { letterId: id, redrives },
    })),
  );
}

/** Puts one letter through today's definition. It touches no checkpoint and no run's account. */
export async function redriveLetter(
  context: PipelineContext,
  { letterId, redrives }: JobPayloads["redrive"],
): Promise<void> {
  const letter = await context.store.readLetter(letterId);
  if (letter?.status !== "redriving" || letter.redrives !== redrives) return;
  if (letter.kind === "request") return redriveRequest(context, letter);
  return redriveRecords(context, letter);
}

/** A settled redrive: the letter is open again, with the new reason. */
export async function settleRedrive(
  context: PipelineContext,
  { letterId, redrives }: JobPayloads["redrive"],
  error: unknown,
): Promise<void> {
  const { code, message, path } = reasonOf(error);
  await context.reach("settle-redrive.begun");
  await context.store.reopenLetter(letterId, redrives, { code, message, path });
  await context.reach("settle-redrive.committed");
}

/** Positions mean nothing to another run, so a request is redriven by a new run from the bound, which covers it. */
async function redriveRequest(context: PipelineContext, letter: StoredLetter): Promise<void> {
  const { source, stream, partition } = letter;
  await startRun(context, { source, stream, partition });
  await context.reach("redrive.run-started");
  await context.store.commitRedrive({
    ...redriveOf(letter),
    records: emptyBatch,
    letters: [],
    schemaVersion: "",
    writeMode: "merge",
  });
  await context.reach("redrive.committed");
}

async function redriveRecords(context: PipelineContext, letter: StoredLetter): Promise<void> {
  const { source, stream } = definitionOf(context, letter);
  const payload = JSON.parse(letter.payload) as JsonValue;
  const items = letter.kind === "page" ? (payload as JsonValue[]) : [payload];
  const made = transformItems(source, stream, items, {
    fetchedAt: letter.observedAt,
    parent: parentRecord(letter.partition, await readParent(context, letter)),
  });
  if (made.frozen !== null) throw new PermanentError("SCHEMA_FROZEN", made.frozen, { source: letter.source });
  const [first] = made.refused;
  if (letter.kind === "record" && first !== undefined) throw first.error;
  const letters = made.refused.map((refused) => recordLetter(stream, originOf(letter), items, refused));
  await context.reach("redrive.made");
  await context.store.commitRedrive({
    ...redriveOf(letter),
    records: batchOf(made.records, context.store.dialect),
    letters,
    schemaVersion: schemaVersion(stream).fingerprint,
    writeMode: stream.writeMode,
    children: childrenOf(source, stream.name),
    ...(letter.kind === "page" && {
      page: { ...originOf(letter), raw: async (input) => jsonText(items[input] ?? null) },
    }),
  });
  await context.reach("redrive.committed");
}

function redriveOf({ id: letterId, redrives, source, stream, runId, seq, observedAt }: StoredLetter) {
  return { letterId, redrives, source, stream, runId, seq, observedAt };
}

function originOf({ source, stream, partition, runId, seq, observedAt, traceId }: StoredLetter) {
  return { source, stream, partition, runId, seq, observedAt, traceId };
}
