import { expect, test } from "vitest";
import { rememberAccess } from "./remember-access.ts";

/** A database of keys and sessions that counts how often it is asked, and a clock. */
function counted(found: () => unknown) {
  const asked: string[] = [];
  const clock = { ms: 1_000 };
  const find = async (id: string) => {
    asked.push(id);
    return found() as never;
  };
  return { asked, clock, access: rememberAccess({ key: find, session: find }, () => clock.ms) };
}

test("is asked for a key once a second, by however many", async () => {
  const { asked, clock, access } = counted(() => ({ id: "a" }));
  await Promise.all([access.key("a"), access.key("a")]);
  clock.ms += 1_000;
  expect(await access.key("a")).toEqual({ id: "a" });
  expect(asked).toEqual(["a"]);
  clock.ms += 1;
  await access.key("a");
  await access.key("b");
  expect(asked).toEqual(["a", "a", "b"]);
});

test("a key that is not there is looked for again, and so is one that could not be", async () => {
  const answers: (() => unknown)[] = [
    () => undefined,
    () => {
      throw new Error("away");
    },
    () => ({ id: "a" }),
  ];
  const { asked, access } = counted(() => answers.shift()?.());
  expect(await access.key("a")).toBeUndefined();
  await expect(access.key("a")).rejects.toThrow("away");
  expect(await access.key("a")).toEqual({ id: "a" });
  expect(asked).toHaveLength(3);
});

test("a session that ended here is not remembered", async () => {
  const answers = [{ key: "a" }, undefined];
  const { access } = counted(() => answers.shift());
  expect(await access.session("s")).toEqual({ key: "a" });
  access.forgetSession("s");
  expect(await access.session("s")).toBeUndefined();
});
