import { PermanentError } from "@penstock/core/errors";
import { type JsonValue, jsonText } from "@penstock/core/json";

/**
 * A page's items as JSON text. Parsing goes deeper than writing JSON does, which runs out of stack at some thousand levels.
 *
 * @throws PermanentError `BODY_TOO_DEEP`
 */
export function itemsText(
  { source, stream, seq }: { source: string; stream: string; seq: number },
  items: JsonValue[],
): string {
  try {
    return jsonText(items);
  } catch (cause) {
    const message = `page ${seq} of ${source}.${stream} is nested too deeply to be passed on`;
    throw new PermanentError("BODY_TOO_DEEP", message, { source, stream, seq, cause });
  }
}
