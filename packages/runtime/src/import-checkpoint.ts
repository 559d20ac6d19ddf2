import { readFile } from "node:fs/promises";
import type { Config } from "@penstock/config/config";
import { ConfigError } from "@penstock/core/errors";
import { livePartition } from "@penstock/core/run";
import { instantOf } from "@penstock/source/instant";
import type { Source } from "@penstock/source/model";
import type { Store } from "@penstock/store/store";
import type { Logger } from "@penstock/telemetry/logger";

const source = "external_api";
const stream = "data";

const remedy = "correct CHECKPOINT_FILE, or take it out to begin with the API's first record";

/**
 * Takes over the cursor that the original pipeline kept in `CHECKPOINT_FILE`, once: the stream's first bound. Later
 * starts find in the database that the stream has begun, and do not look at the file.
 *
 * @throws ConfigError when the file is there but holds no cursor
 */
export async function importCheckpoint(store: Store, config: Config, sources: Source[], logger: Logger): Promise<void> {
  const path = config.checkpointFile;
  if (path === undefined || !sources.some(({ name }) => name === source) || (await hasBegun(store))) return;
  const text = await readIfThere(path);
  if (text === undefined) {
    logger.warn({ path }, "CHECKPOINT_FILE does not exist, nothing to import");
    return;
  }
  const bound = boundOf(text, path);
  if (bound !== null && (await store.importBound(source, stream, livePartition, bound))) {
    // Not info: whoever sets the variable is to see it, and commands tell no more than warnings.
    logger.warn(
      { path, source, stream, bound },
      "imported CHECKPOINT_FILE; the checkpoint now lives in the database, and the file is not read again",
    );
  }
}

async function hasBegun(store: Store): Promise<boolean> {
  const checkpoint = await store.checkpoint(source, stream, livePartition);
  return checkpoint !== undefined && (checkpoint.bound !== null || checkpoint.fence > 0);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new ConfigError("CONFIG_INVALID", `CHECKPOINT_FILE ${path} cannot be read`, { cause: error, remedy });
  }
}

/** A checkpoint file holds the cursor alone, or JSON with it in `cursor`, `since`, `last_ts`, `checkpoint` or `ts`. */
function boundOf(text: string, path: string): string | null {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  const bound = instantOf(cursorIn(trimmed));
  if (bound !== null) return bound;
  const expected = 'a timestamp, or JSON such as {"cursor": "2026-01-31T12:00:00Z"}';
  throw new ConfigError("CONFIG_INVALID", `CHECKPOINT_FILE ${path} holds no cursor: expected ${expected}`, {
    expected,
    remedy,
  });
}

function cursorIn(text: string): unknown {
  const parsed = parseJson(text);
  if (typeof parsed !== "object" || parsed === null) return parsed;
  const fields = parsed as Record<string, unknown>;
  return ["cursor", "since", "last_ts", "last_cursor", "checkpoint", "ts"]
    .map((name) => fields[name])
    .find((value) => value !== undefined);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the cursor stands there alone.
    return text;
  }
}
