import { type JsonLike, jsonLines } from "./json-lines.ts";

/** A value as indented JSON, with the line of a path marked. */
export function JsonView({ label, value, path = null }: { label: string; value: JsonLike; path?: string | null }) {
  const lines = jsonLines(value, path);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable to be scrolled
    <section className="json" aria-label={label} tabIndex={0}>
      {lines.map(({ text, depth, isMarked }, index) => (
        <div
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name, and do not move
          key={index}
          className={isMarked ? "json-line marked" : "json-line"}
          style={{ paddingLeft: `${depth * 1.2 + 0.8}em` }}
        >
          {isMarked ? <mark>{text}</mark> : text}
        </div>
      ))}
    </section>
  );
}
