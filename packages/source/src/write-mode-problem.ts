import type { Source, Stream } from "./model.ts";

/** What keeps a stream from being written as it says; `undefined` when nothing does. */
export function writeModeProblem(source: Source, stream: Stream): string | undefined {
  if (stream.writeMode === "append") return appendProblem(stream);
  return stream.writeMode === "replace" ? replaceProblem(source, stream) : undefined;
}

/** What keeps a stream from having its deletions detected. */
export function deletionsProblem({ deletions, writeMode, parent, isConditional }: Stream): string | undefined {
  if (deletions === undefined) return undefined;
  if (writeMode === "append")
    return 'deletions cannot be detected with writeMode "append": events are not brought again';
  if (writeMode === "replace")
    return 'deletions need no detection with writeMode "replace": what a run does not bring is gone';
  const because = "deletions are what runs that bring all there is do not bring, so";
  if (parent !== undefined) return `${because} no parent: each of its runs brings what belongs to one record of it`;
  if (isConditional) return `${because} it cannot be conditional: a run that is told of no change brings nothing`;
  return undefined;
}

/** Two events of one key would be one record, and the second be dropped. */
function appendProblem({ eventTime, key }: Stream): string | undefined {
  if (eventTime === undefined) return 'writeMode "append" needs an eventTime, which tells the events of one key apart';
  return key.includes(eventTime)
    ? undefined
    : `writeMode "append" needs a key that names the eventTime too, ${eventTime}`;
}

/** Only a run that brings all there is may take the place of it. */
function replaceProblem(source: Source, { name, cursor, parent, isConditional }: Stream): string | undefined {
  const because = 'writeMode "replace" needs runs that bring all there is, so';
  if (cursor !== undefined) return `${because} no cursor`;
  if (parent !== undefined) return `${because} no parent: each of its runs brings what belongs to one record of it`;
  if (isConditional) return `${because} it cannot be conditional: a run that is told of no change brings nothing`;
  const child = Object.values(source.streams).find((other) => other.parent?.stream === name);
  return (
    child &&
    `writeMode "replace" cannot have child streams, such as ${child.name}: what they are due for is not read yet`
  );
}
