import { ConfigError } from "@penstock/core/errors";
import { expect, test } from "vitest";
import { z } from "zod";
import { numberVariable, readEnvironment, urlVariable } from "./environment.ts";

const schema = z.object({
  BASE_URL: urlVariable(),
  TOKEN: z.string().min(8).optional(),
  PAGE_SIZE: numberVariable().pipe(z.int().min(1)).default(100),
});

const read = (env: Record<string, string>) => readEnvironment("shop", schema, env);

test("reads what is there and knows nothing of the rest", () => {
  expect(read({ BASE_URL: "https://a.example", PAGE_SIZE: "20", HOME: "/root" })).toEqual({
    isComplete: true,
    values: { BASE_URL: "https://a.example", PAGE_SIZE: 20 },
    secrets: [],
  });
  expect(read({ BASE_URL: "https://a.example", TOKEN: "hush-hush" })).toMatchObject({ secrets: ["hush-hush"] });
});

test("a missing or empty variable is listed, not an error", () => {
  expect(read({})).toEqual({ isComplete: false, problems: ["BASE_URL is not set"] });
  expect(read({ BASE_URL: "" })).toEqual({ isComplete: false, problems: ["BASE_URL is not set"] });
});

test("wrong variables are named together, with what was expected and what came, and no secret", () => {
  const wrong = () => read({ BASE_URL: "ftp://a", PAGE_SIZE: "0", TOKEN: "hush" });
  expect(wrong).toThrow(ConfigError);
  expect(wrong).toThrow(/BASE_URL: expected an http\(s\) URL, received "ftp:\/\/a"/);
  expect(wrong).toThrow(/PAGE_SIZE: expected at least 1, received "0"/);
  expect(wrong).toThrow(/TOKEN: expected at least 8, received \(not shown\)/);
  expect(wrong).not.toThrow(/hush/);
  expect(() => read({ BASE_URL: "https://a.example", PAGE_SIZE: "many" })).toThrow(
    /PAGE_SIZE: expected a number, received "many"/,
  );
});
