import type { Parent, Source, Stream } from "./model.ts";
import { templateFields } from "./template.ts";

/** What keeps a stream from being the child it says it is; `undefined` when nothing does. */
export function parentProblem(source: Source, stream: Stream): string | undefined {
  const { parent } = stream;
  if (parent === undefined) {
    const [field] = templateFields(stream.path);
    return field === undefined ? undefined : `path has {${field}}, and there is no parent to take it from`;
  }
  return unknownParent(source, stream, parent) ?? unknownField(source, parent) ?? unfilledTemplate(stream, parent);
}

function unknownParent(source: Source, stream: Stream, parent: Parent): string | undefined {
  if (source.streams[parent.stream] === undefined) {
    return `parent names ${parent.stream}; the source has ${Object.keys(source.streams).join(", ")}`;
  }
  const ancestors = new Set<string>();
  for (let at: Parent | undefined = parent; at !== undefined; at = source.streams[at.stream]?.parent) {
    if (at.stream === stream.name || ancestors.has(at.stream)) return `its parents lead back to ${at.stream}`;
    ancestors.add(at.stream);
  }
  return undefined;
}

function unknownField(source: Source, parent: Parent): string | undefined {
  const stream = source.streams[parent.stream];
  const columns = new Set(Object.keys(stream?.output.shape ?? {}));
  const unknown = parent.fields.find((field) => !columns.has(field));
  if (unknown !== undefined) return `parent.fields names ${unknown}, which the output of ${parent.stream} has not`;
  return parent.fields.length === 0 ? "parent.fields names no field" : undefined;
}

function unfilledTemplate({ path, query, body = {} }: Stream, { fields }: Parent): string | undefined {
  for (const [option, template] of Object.entries({ path, query, body })) {
    const missing = templateFields(template).find((field) => !fields.includes(field));
    if (missing !== undefined)
      return `${option} has {${missing}}, which parent.fields has not; {{${missing}}} stands for the text itself`;
  }
  return undefined;
}
