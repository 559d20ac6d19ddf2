/**
 * A number in [0, 1) for each pair of seed and index, the same one on every machine: what happens to the n-th request does
 * not depend on what came before it. The mixing is that of MurmurHash3's finalizer.
 */
export function randomAt(seed: number, index: number, salt = ""): number {
  let h = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35);
  for (const character of salt) h = Math.imul(h ^ (character.codePointAt(0) ?? 0), 0x01000193);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return (h >>> 0) / 2 ** 32;
}
