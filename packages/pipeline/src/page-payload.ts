import { promisify } from "node:util";
import { constants, zstdCompress, zstdDecompress } from "node:zlib";
import { PermanentError } from "@penstock/core/errors";
import type { JsonValue } from "@penstock/core/json";
import type { JobPayloads } from "@penstock/queues/catalog";
import type { Store } from "@penstock/store/store";

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

type PageItems = JobPayloads["transform"]["items"];
type PageRef = { runId: string; seq: number; hash: string };

/** Compressed pages above this many bytes go to the database; the job then carries a reference. */
const inlineLimitBytes = 192 * 1024;

/** Compresses a page's items for their way through the queue; big ones are stored in the database first. */
export async function packItems(store: Store, ref: PageRef, itemsJson: string): Promise<PageItems> {
  const zstd = await compress(itemsJson, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  if (zstd.byteLength <= inlineLimitBytes) return { kind: "inline", zstd: zstd.toString("base64") };
  await store.savePayload({ ...ref, body: zstd });
  return { kind: "stored", sizeBytes: zstd.byteLength };
}

/**
 * The items as JSON text.
 *
 * @throws PermanentError `PAYLOAD_UNREADABLE` when the stored page is gone or is not what was packed
 */
export async function unpackItems(store: Store, ref: PageRef, items: PageItems): Promise<string> {
  const zstd = items.kind === "inline" ? Buffer.from(items.zstd, "base64") : await store.loadPayload(ref);
  if (zstd === undefined) {
    throw new PermanentError("PAYLOAD_UNREADABLE", `page ${ref.seq} of run ${ref.runId} is not in the database`, {
      seq: ref.seq,
    });
  }
  try {
    return (await decompress(zstd)).toString("utf8");
  } catch (cause) {
    throw new PermanentError("PAYLOAD_UNREADABLE", `page ${ref.seq} of run ${ref.runId} cannot be decompressed`, {
      seq: ref.seq,
      cause,
    });
  }
}

/** Parses what {@link unpackItems} returned. */
export function parseItems(itemsJson: string): JsonValue[] {
  return JSON.parse(itemsJson) as JsonValue[];
}
