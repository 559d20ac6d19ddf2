import { expect, test } from "vitest";
import { redisAddress, redisOptions } from "./redis-settings.ts";

test("an address becomes options, and its text for people has no account", () => {
  const settings = { url: "rediss://me:p%40ss@example.test:6380/3" };
  expect(redisOptions(settings)).toMatchObject({
    host: "example.test",
    port: 6380,
    db: 3,
    username: "me",
    password: "p@ss",
    tls: {},
  });
  expect(redisAddress(settings)).toBe("example.test:6380");
});

test("commands wait for a server that is away, which is looked for at least once a second", () => {
  const { maxRetriesPerRequest, retryStrategy } = redisOptions({ url: "redis://localhost" });
  expect(maxRetriesPerRequest).toBeNull();
  expect([1, 5, 10_000].map((times) => retryStrategy?.(times))).toEqual([100, 500, 1_000]);
});

test("with Sentinel, the account and db of the address and the Sentinels' hosts", () => {
  const sentinel = { master: "main", hosts: [{ host: "a", port: 26379 }], password: "guard" };
  const options = redisOptions({ url: "redis://:secret@ignored/2", sentinel });
  expect(options).toMatchObject({
    sentinels: sentinel.hosts,
    name: "main",
    password: "secret",
    db: 2,
    sentinelPassword: "guard",
  });
  expect(options).not.toHaveProperty("host");
});

test.each(["localhost:6379", "http://localhost", "redis://", "redis://host/queue", "redis://:hush@host:port"])(
  "%s is refused without being shown",
  (url) => {
    expect(() => redisOptions({ url })).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", message: expect.not.stringContaining("hush") }),
    );
  },
);
