import { request } from "undici";
import { dateOf, singleHeaders } from "./headers.ts";
import type { Source } from "./model.ts";

const timeoutMs = 4_000;

/**
 * Whether an API is there at all, and its clock where it tells: a `HEAD` of the base URL without credentials, whose answer
 * may be a refusal. It counts as no request of the source.
 *
 * @throws Error of undici when nothing answers
 */
export async function probeSource({ baseUrl }: Pick<Source, "baseUrl">): Promise<{ apiDate: Date | null }> {
  const signal = AbortSignal.timeout(timeoutMs);
  const { headers, body } = await request(baseUrl, { method: "HEAD", signal });
  await body.dump();
  return { apiDate: dateOf(singleHeaders(headers)) };
}
