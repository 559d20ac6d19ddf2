import { expect, test } from "vitest";
import { emptyPrefix, extendPrefix, type PageLink } from "./chain.ts";

const page = (seq: number, cursorIn: string, cursorOut: string | null): PageLink => ({
  seq,
  cursorIn,
  cursorOut,
  isLast: cursorOut === null,
});
const chain = [page(0, "a", "b"), page(1, "b", "c"), page(2, "c", null)];

test("linked pages extend the prefix to the last one", () => {
  expect(extendPrefix(emptyPrefix, chain)).toEqual({ seq: 2, cursorOut: null, isComplete: true });
});

test("a gap stops it, and the missing page lets it go on over those that wait", () => {
  const gap = extendPrefix(
    emptyPrefix,
    chain.filter(({ seq }) => seq !== 1),
  );
  expect(gap).toEqual({ seq: 0, cursorOut: "b", isComplete: false });
  expect(extendPrefix(gap, chain).isComplete).toBe(true);
});

test("a page behind another successor does not extend it, whatever its number", () => {
  expect(extendPrefix(emptyPrefix, [page(0, "a", "b"), page(1, "x", "y")]).seq).toBe(0);
});

test("nothing extends past the first last page", () => {
  expect(extendPrefix(emptyPrefix, [page(0, "a", null), page(1, "b", "c")])).toEqual({
    seq: 0,
    cursorOut: null,
    isComplete: true,
  });
});

test("a prefix never shrinks", () => {
  const known = { seq: 5, cursorOut: "f", isComplete: false };
  expect(extendPrefix(known, chain)).toEqual(known);
});
