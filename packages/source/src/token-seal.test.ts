import { expect, test } from "vitest";
import { seal, sealId, unseal } from "./token-seal.ts";

test("what was sealed is opened by the same secret for the same id only", () => {
  const sealed = seal("secret", "shop", "tökens");
  expect(unseal("secret", "shop", sealed)).toBe("tökens");
  expect(() => unseal("other", "shop", sealed)).toThrow();
  expect(() => unseal("secret", "other", sealed)).toThrow();
  const changed = Buffer.from(sealed, "base64");
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  expect(() => unseal("secret", "shop", changed.toString("base64"))).toThrow();
});

test("the same text is sealed differently each time", () => {
  expect(seal("secret", "shop", "tokens")).not.toBe(seal("secret", "shop", "tokens"));
});

test("ids are stable, and different for different secrets", () => {
  expect(sealId("secret", "what")).toBe(sealId("secret", "what"));
  expect(sealId("secret", "what")).not.toBe(sealId("secret", "else"));
  expect(sealId("secret", "what")).not.toBe(sealId("other", "what"));
});
