import { expect, test } from "vitest";
import { letterIdentity } from "./letter.ts";

const letter = {
  source: "s",
  stream: "t",
  partition: "live",
  stage: "transform",
  kind: "record",
  key: "1",
  payload: "{}",
} as const;

test("a key identifies a letter whatever its payload; without one the payload does", () => {
  expect(letterIdentity(letter)).toBe(letterIdentity({ ...letter, payload: '{"other":1}' }));
  expect(letterIdentity({ ...letter, key: null })).not.toBe(
    letterIdentity({ ...letter, key: null, payload: '{"other":1}' }),
  );
  expect(letterIdentity({ ...letter, key: "2" })).not.toBe(letterIdentity(letter));
  expect(letterIdentity({ ...letter, stage: "fetch" })).not.toBe(letterIdentity(letter));
});

test("a key that looks like a payload's hash is not taken for it", () => {
  const byPayload = { ...letter, key: null };
  expect(letterIdentity({ ...letter, key: "payload" })).not.toBe(letterIdentity(byPayload));
});
