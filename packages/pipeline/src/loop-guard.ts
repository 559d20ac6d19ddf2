import type { ErrorCode } from "@penstock/core/error-codes";
import { shortHash } from "@penstock/core/hash";
import { canonicalJson, type JsonObject } from "@penstock/core/json";
import type { JobPayloads } from "@penstock/queues/catalog";
import type { Stream } from "@penstock/source/model";
import type { NextPage } from "@penstock/source/paginator";

/** What travels from fetch job to fetch job, so that a run that goes in circles is found out. */
export type LoopGuard = NonNullable<JobPayloads["fetch"]["guard"]>;
type Trail = LoopGuard["positions"];

export type GuardedPage = {
  stream: Pick<Stream, "maxPages" | "maxEmptyPages">;
  seq: number;
  position: JsonObject;
  guard: LoopGuard | undefined;
  /** Records on the page, and the hash of them. */
  count: number;
  contentHash: string;
};
export type Guarded = { next: NextPage; guard?: LoopGuard };

/**
 * Where a page leads to, unless the run goes in circles: then it ends `incomplete` with this page, whose records are kept.
 *
 * - `POSITION_REPEATED`: a next page that was read already
 * - `PAGE_REPEATED`: the same records again under another position
 * - `NO_PROGRESS`: too many empty pages in a row
 * - `PAGE_LIMIT`: too many pages
 *
 * Pages that the paginator reads again on purpose are left out. Circles are found by Brent's algorithm (BIT 20, 1980): one
 * hash is compared with those that follow, and replaced after 1, 2, 4, 8… of them. A circle of *n* pages is found within
 * about 3 *n*, and one of a single page at once.
 */
export function guardNext(page: GuardedPage, next: NextPage): Guarded {
  if (next.kind !== "next") return { next };
  const guard = guardAfter(page, next);
  return typeof guard === "string" ? { next: { kind: "incomplete", code: guard } } : { next, guard };
}

function guardAfter(page: GuardedPage, next: Extract<NextPage, { kind: "next" }>): LoopGuard | ErrorCode {
  const { stream, guard, count } = page;
  const here = guard?.positions ?? startTrail(hashOf(page.position));
  const positions = extendTrail(here, hashOf(next.position));
  if (positions === undefined) return "POSITION_REPEATED";
  const isReread = guard?.isReread ?? false;
  const contents = isReread || count === 0 ? (guard?.contents ?? null) : contentsAfter(page);
  if (contents === undefined) return "PAGE_REPEATED";
  const emptyPages = isReread || count > 0 ? 0 : (guard?.emptyPages ?? 0) + 1;
  if (emptyPages > stream.maxEmptyPages) return "NO_PROGRESS";
  if (page.seq + 1 >= stream.maxPages) return "PAGE_LIMIT";
  return { positions, contents, emptyPages, isReread: next.rereads ?? false };
}

function contentsAfter({ guard, contentHash }: GuardedPage): Trail | undefined {
  const hash = shortHash(contentHash);
  return guard?.contents == null ? startTrail(hash) : extendTrail(guard.contents, hash);
}

function startTrail(hash: string): Trail {
  return { last: hash, mark: hash, age: 0, limit: 1 };
}

/** `undefined` when the hash is there already. */
function extendTrail(trail: Trail, hash: string): Trail | undefined {
  if (hash === trail.last || hash === trail.mark) return undefined;
  const age = trail.age + 1;
  return age < trail.limit ? { ...trail, last: hash, age } : { last: hash, mark: hash, age: 0, limit: 2 * trail.limit };
}

function hashOf(position: JsonObject): string {
  return shortHash(canonicalJson(position));
}
