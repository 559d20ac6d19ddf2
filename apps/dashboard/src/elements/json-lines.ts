/** Any JSON, as the API hands it out. */
export type JsonLike = string | number | boolean | null | readonly JsonLike[] | { readonly [field: string]: JsonLike };

export type JsonLine = { text: string; depth: number; isMarked: boolean };

/** Longer ones would only make the page slow. */
const maxLines = 2_000;

/**
 * A value as lines of indented JSON. Marked is the value at the path, `meta.tags.0`, with all that is in it; where there is no
 * such value, a line that says so in the innermost object that is there.
 */
export function jsonLines(value: JsonLike, path: string | null = null): JsonLine[] {
  const lines: JsonLine[] = [];
  write(lines, value, { name: "", comma: "", depth: 0, rest: path === null ? null : path.split("."), isMarked: false });
  if (lines.length <= maxLines) return lines;
  const cut: JsonLine = { text: `… ${lines.length - maxLines} more lines`, depth: 0, isMarked: false };
  return [...lines.slice(0, maxLines), cut];
}

type Place = { name: string; comma: string; depth: number; rest: string[] | null; isMarked: boolean };

function write(lines: JsonLine[], value: JsonLike, place: Place): void {
  const isMarked = place.isMarked || place.rest?.length === 0;
  const { name, comma, depth } = place;
  if (typeof value !== "object" || value === null) {
    lines.push({ text: `${name}${JSON.stringify(value)}${comma}`, depth, isMarked });
    return;
  }
  const isList = Array.isArray(value);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  const entries = Object.entries(value);
  const missing = missingBelow(value, place.rest);
  if (entries.length === 0 && missing === null) {
    lines.push({ text: `${name}${open}${close}${comma}`, depth, isMarked });
    return;
  }
  lines.push({ text: name + open, depth, isMarked });
  for (const [index, [field, inner]] of entries.entries()) {
    write(lines, inner, {
      name: isList ? "" : `${JSON.stringify(field)}: `,
      comma: index < entries.length - 1 ? "," : "",
      depth: depth + 1,
      rest: place.rest?.[0] === field ? place.rest.slice(1) : null,
      isMarked,
    });
  }
  if (missing !== null) lines.push({ text: `${missing} is not there`, depth: depth + 1, isMarked: true });
  lines.push({ text: close + comma, depth, isMarked });
}

function missingBelow(value: object, rest: readonly string[] | null): string | null {
  const field = rest?.[0];
  return field === undefined || Object.hasOwn(value, field) ? null : field;
}
