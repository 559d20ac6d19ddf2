import { ConfigError } from "@penstock/core/errors";
import type { ParentValue, ParentValues } from "@penstock/core/partition";
import type { Source, Stream } from "@penstock/source/model";
import { previewPage } from "@penstock/source/preview";
import type { Asking } from "./asking.ts";

/**
 * The parent's values of a child stream, from `key=value` texts; without any from the first record of the parent that has
 * them, for which the parent's first page is fetched. `undefined` for a stream that is nobody's child.
 *
 * @throws ConfigError `CONFIG_INVALID` for values that are missing, or that the stream does not take
 */
export async function parentValues(
  source: Source,
  stream: Stream,
  given: readonly string[],
  asking: Asking,
): Promise<ParentValues | undefined> {
  const { parent } = stream;
  if (parent === undefined) {
    if (given.length > 0) throw misused(source, stream, "has no parent; leave --parent out");
    return undefined;
  }
  return given.length > 0 ? parsedValues(source, stream, given) : await valuesOfFirstParent(source, stream, asking);
}

function parsedValues(source: Source, stream: Stream, given: readonly string[]): ParentValues {
  const texts = given.map((text) => [text.split("=", 1)[0] ?? "", text.slice(text.indexOf("=") + 1)] as const);
  const readings = texts.reduce<ParentValues[]>(
    (known, [name, text]) => known.flatMap((values) => readingsOf(text).map((value) => ({ ...values, [name]: value }))),
    [{}],
  );
  for (const reading of readings) {
    const values = stream.parent?.valuesOf(reading);
    if (values !== undefined) return values;
  }
  const fields = stream.parent?.fields.join(", ");
  throw misused(source, stream, `takes ${fields} of its parent; give each as --parent <field>=<value>`);
}

/** A text may stand for a number or a truth value: the field's type decides. */
function readingsOf(text: string): ParentValue[] {
  if (text === "true" || text === "false") return [text === "true", text];
  return text.trim() !== "" && Number.isFinite(Number(text)) ? [Number(text), text] : [text];
}

async function valuesOfFirstParent(source: Source, stream: Stream, asking: Asking): Promise<ParentValues> {
  const parent = source.streams[stream.parent?.stream ?? ""];
  if (parent === undefined) throw misused(source, stream, "has a parent that the source does not define");
  const values = await parentValues(source, parent, [], asking);
  const { records } = await previewPage(source, parent, { ...asking, parent: values });
  for (const { data } of records) {
    const found = stream.parent?.valuesOf(data);
    if (found !== undefined) return found;
  }
  const example = stream.parent?.fields.map((field) => `--parent ${field}=…`).join(" ");
  throw misused(source, stream, `found no parent on the first page of ${parent.name}; name one: ${example}`);
}

function misused(source: Source, stream: Stream, what: string): ConfigError {
  const place = { source: source.name, stream: stream.name };
  return new ConfigError("CONFIG_INVALID", `stream ${source.name}.${stream.name} ${what}`, {
    ...place,
    remedy: "`penstock preview --help` shows the options",
  });
}
