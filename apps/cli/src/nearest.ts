import { closest, distance } from "fastest-levenshtein";

/** What a mistyped name may have meant: the nearest one where it is near – a third of its letters wrong at most, or two – else all there are. */
export function nearest(name: string, known: readonly string[]): string {
  if (known.length === 0) return "none is defined";
  const best = closest(name, known);
  const isNear = distance(name, best) <= Math.max(best.length < 4 ? 1 : 2, Math.floor(best.length / 3));
  return isNear ? `did you mean "${best}"?` : `there are: ${known.join(", ")}`;
}
