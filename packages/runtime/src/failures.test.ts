import { PermanentError } from "@penstock/core/errors";
import { withoutFailures } from "@penstock/core/failure-points";
import { expect, test } from "vitest";
import { createReach } from "./failures.ts";

test("a failure happens the planned time, and once", async () => {
  const reach = createReach([{ point: "fetch.answered", nth: 2, action: { kind: "throw" } }]);
  expect(reach("fetch.answered")).toBeUndefined();
  expect(reach("fetch.begun")).toBeUndefined();
  await expect(reach("fetch.answered")).rejects.toThrow("fetch.answered");
  expect(reach("fetch.answered")).toBeUndefined();
});

test("refuse is permanent, delay goes on, kill never returns", async () => {
  let kills = 0;
  const plan = (["refuse", "kill"] as const).map((kind, index) => ({
    point: "fetch.begun" as const,
    nth: index + 1,
    action: { kind },
  }));
  const delayed = { point: "fetch.begun" as const, nth: 3, action: { kind: "delay" as const, delayMs: 1 } };
  const reach = createReach([...plan, delayed], () => void kills++);
  await expect(reach("fetch.begun")).rejects.toThrow(PermanentError);
  const killed = reach("fetch.begun");
  await reach("fetch.begun");
  expect(kills).toBe(1);
  expect(await Promise.race([killed, Promise.resolve("still there")])).toBe("still there");
});

test("no plan costs nothing but a call", () => {
  expect(createReach([])).toBe(withoutFailures);
});
