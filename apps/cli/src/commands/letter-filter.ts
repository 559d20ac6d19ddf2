import { errorCodes } from "@penstock/core/error-codes";
import { ConfigError } from "@penstock/core/errors";
import { type LetterStatus, letterStages, letterStatuses } from "@penstock/core/letter";
import type { LetterFilter } from "@penstock/store/store";
import { nearest } from "../nearest.ts";
import { splitName } from "../split-name.ts";

export type FilterOptions = {
  source?: string;
  stream?: string;
  code?: string;
  stage?: string;
  since?: string;
  run?: string;
  text?: string;
  limit: string;
  status?: string;
  json?: boolean;
  dryRun?: boolean;
  reason?: string;
};

const filters = ["source", "stream", "code", "stage", "since", "run", "text"] as const;
const unitMs: { readonly [unit: string]: number } = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * What the options of the `dead-letters` commands ask for.
 *
 * @throws ConfigError `CONFIG_INVALID` for what no letter can have, with the nearest that one can
 */
export function filterOf(ids: string[], options: FilterOptions, status: LetterStatus | undefined): LetterFilter {
  const [source, stream] = options.stream === undefined ? [options.source] : splitName(options.stream);
  const stage = oneOf("--stage", options.stage, letterStages);
  const code = oneOf("--code", options.code, Object.keys(errorCodes));
  return {
    limit: limitOf(options.limit),
    ...(status !== undefined && { status }),
    ...(ids.length > 0 && { ids }),
    ...(source !== undefined && { source }),
    ...(stream !== undefined && { stream }),
    ...(code !== undefined && { code }),
    ...(stage !== undefined && { stage }),
    ...(options.run !== undefined && { runId: options.run }),
    ...(options.since !== undefined && { since: sinceOf(options.since) }),
    ...(options.text !== undefined && { text: options.text }),
  };
}

/** The status to list; `any` is all of them. */
export function statusOf(option: string | undefined): LetterStatus | undefined {
  return option === "any" ? undefined : (oneOf("--status", option, letterStatuses, ["any"]) ?? "open");
}

/** Whoever changes letters must say which. */
export function requireChoice(command: string, ids: string[], options: FilterOptions): void {
  if (ids.length > 0 || filters.some((name) => options[name] !== undefined)) return;
  const message = `dead-letters ${command} needs ids or one of ${filters.map((name) => `--${name}`).join(", ")}`;
  throw new ConfigError("CONFIG_INVALID", message, { remedy: "`penstock dead-letters list` shows the ids" });
}

function oneOf<T extends string>(
  option: string,
  value: string | undefined,
  known: readonly T[],
  others: readonly string[] = [],
): T | undefined {
  if (value === undefined) return undefined;
  const found = known.find((each) => each === value);
  if (found !== undefined) return found;
  throw new ConfigError("CONFIG_INVALID", `${option}: "${value}" is none; ${nearest(value, [...known, ...others])}`);
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1) return limit;
  throw new ConfigError("CONFIG_INVALID", `--limit must be a whole number above 0, got ${text}`);
}

/** `2h` ago, or an instant. */
export function sinceOf(text: string): Date {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const since = unit === undefined ? new Date(text) : new Date(Date.now() - Number(count) * (unitMs[unit] ?? 0));
  if (!Number.isNaN(since.getTime())) return since;
  throw new ConfigError("CONFIG_INVALID", `--since must be a duration as 2h or a time as 2026-01-31, got ${text}`);
}
