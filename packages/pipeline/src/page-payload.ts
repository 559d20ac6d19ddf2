import { promisify } from "node:util";
import { constants, zstdCompress, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { PermanentError } from "@penstock/core/errors";
import { type JsonValue, jsonText } from "@penstock/core/json";
import type { JobPayloads } from "@penstock/queues/catalog";
import type { Store } from "@penstock/store/store";
import { itemsOf } from "./page-items.ts";

const compressInThread = promisify(zstdCompress);
const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** Up to here handing them to another thread takes longer than compressing them. */
const hereBytes = 256 * 1024;

/** A page's items for their way through the queue. */
export async function compress(bytes: Buffer): Promise<Buffer> {
  return bytes.length <= hereBytes ? zstdCompressSync(bytes, level) : await compressInThread(bytes, level);
}

type PageItems = JobPayloads["transform"]["items"];
type PageRef = { runId: string; seq: number; hash: string };

/** Compressed pages above this many bytes go to the database; the job then carries a reference. */
const inlineLimitBytes = 192 * 1024;

/** Stores a page's items, compressed, whatever their size; gives that in bytes. */
export async function storeItems(store: Store, ref: PageRef, items: Buffer): Promise<number> {
  const zstd = await compress(items);
  await store.savePayload({ ...ref, body: zstd });
  return zstd.byteLength;
}

/** Compressed items as a job carries them; big ones are stored in the database first. */
export async function packItems(store: Store, ref: PageRef, zstd: Buffer): Promise<PageItems> {
  if (zstd.byteLength <= inlineLimitBytes) return { kind: "inline", zstd: zstd.toString("base64") };
  await store.savePayload({ ...ref, body: zstd });
  return { kind: "stored", sizeBytes: zstd.byteLength };
}

/**
 * The compressed items, from the job or from the database.
 *
 * @throws PermanentError `PAYLOAD_UNREADABLE` when the stored page is gone
 */
export async function loadPacked(store: Store, ref: PageRef, items: PageItems): Promise<Uint8Array> {
  if (items.kind === "inline") return Buffer.from(items.zstd, "base64");
  const stored = await store.loadPayload(ref);
  if (stored !== undefined) return stored;
  throw new PermanentError("PAYLOAD_UNREADABLE", `page ${ref.seq} of run ${ref.runId} is not in the database`, {
    seq: ref.seq,
  });
}

/**
 * The items as they were packed.
 *
 * @throws PermanentError `PAYLOAD_UNREADABLE` when it is not what was packed
 */
export function unpackItems({ runId, seq }: Pick<PageRef, "runId" | "seq">, zstd: Uint8Array): Buffer {
  try {
    return zstdDecompressSync(zstd);
  } catch (cause) {
    throw new PermanentError("PAYLOAD_UNREADABLE", `page ${seq} of run ${runId} cannot be decompressed`, {
      seq,
      cause,
    });
  }
}

/** Raw items by their place. Only for records that the database refuses: then the page is parsed once more. */
export function rawReader(packed: () => Buffer): (input: number) => Promise<string> {
  let items: JsonValue[] | undefined;
  return async (input) => {
    items ??= itemsOf(packed());
    return jsonText(items[input] ?? null);
  };
}
