import type { ErrorCode } from "@penstock/core/error-codes";
import type { LetterKind, LetterStage, LetterStatus } from "@penstock/core/letter";
import type { Prisma } from "../generated/postgresql/client.ts";
import type { DeadLetterModel } from "../generated/postgresql/models/DeadLetter.ts";
import type { Transaction } from "./client.ts";
import type { LetterFilter, StoredLetter } from "./store.ts";

export async function listLetters(db: Transaction, filter: LetterFilter): Promise<StoredLetter[]> {
  const { limit: take, newestFirst = false } = filter;
  const orderBy = newestFirst ? [{ lastSeenAt: "desc" as const }, { id: "asc" as const }] : oldestFirst;
  const found = await someAtOnce(filter.ids, (some) =>
    db.deadLetter.findMany({ where: whereOf({ ...filter, ...some }), orderBy, take }),
  );
  return found
    .toSorted(newestFirst ? byLastSeen : byAge)
    .slice(0, take)
    .map(storedLetter);
}

export async function countLetters(db: Transaction, filter: Omit<LetterFilter, "limit">): Promise<number> {
  const counts = await someAtOnce(filter.ids, async (some) => [
    await db.deadLetter.count({ where: whereOf({ ...filter, ...some }) }),
  ]);
  return counts.reduce((sum, count) => sum + count, 0);
}

export const oldestFirst = [{ firstSeenAt: "asc" as const }, { id: "asc" as const }];

export function whereOf({
  ids,
  source,
  stream,
  code,
  status,
  stage,
  runId,
  since,
  text,
}: Omit<LetterFilter, "limit">): Prisma.DeadLetterWhereInput {
  return {
    ...(ids !== undefined && { id: { in: ids } }),
    ...(source !== undefined && { source }),
    ...(stream !== undefined && { stream }),
    ...(code !== undefined && { code }),
    ...(status !== undefined && { status }),
    ...(stage !== undefined && { stage }),
    ...(runId !== undefined && { runId }),
    ...(since !== undefined && { lastSeenAt: { gte: since } }),
    ...(text !== undefined && {
      OR: [{ message: { contains: text } }, { recordKey: { contains: text } }, { payload: { contains: text } }],
    }),
  };
}

/** Oldest first. */
export async function lettersOf(db: Transaction, rows: { id: string }[]): Promise<StoredLetter[]> {
  const ids = rows.map(({ id }) => id);
  const found = await someAtOnce(ids, (some) => db.deadLetter.findMany({ where: whereOf(some) }));
  return found.toSorted(byAge).map(storedLetter);
}

/** Each of them is a parameter for Prisma, which gives a statement on SQLite no more than 999. */
const idsAtOnce = 900;

export async function someAtOnce<T>(
  ids: string[] | undefined,
  find: (some: { ids?: string[] }) => Promise<T[]>,
): Promise<T[]> {
  if (ids === undefined) return find({});
  const found: T[] = [];
  for (let i = 0; i < ids.length; i += idsAtOnce) found.push(...(await find({ ids: ids.slice(i, i + idsAtOnce) })));
  return found;
}

/** As {@link oldestFirst}. */
function byAge(a: DeadLetterModel, b: DeadLetterModel): number {
  return a.firstSeenAt.getTime() - b.firstSeenAt.getTime() || (a.id < b.id ? -1 : 1);
}

function byLastSeen(a: DeadLetterModel, b: DeadLetterModel): number {
  return b.lastSeenAt.getTime() - a.lastSeenAt.getTime() || (a.id < b.id ? -1 : 1);
}

export function storedLetter({ identity: _identity, recordKey, ...letter }: DeadLetterModel): StoredLetter {
  const { stage, kind, status, code, ...rest } = letter;
  return {
    ...rest,
    key: recordKey,
    code: code as ErrorCode,
    stage: stage as LetterStage,
    kind: kind as LetterKind,
    status: status as LetterStatus,
  };
}
