import { expect, test } from "vitest";
import { createGate } from "./gate.ts";

/** What entered so far, and the ways out, by name. */
function follow(gate = createGate()) {
  const inside = new Map<string, () => void>();
  const enter = (name: string, isAlone = false) => gate.enter(isAlone).then((leave) => inside.set(name, leave));
  const leave = (name: string) => {
    inside.get(name)?.();
    inside.delete(name);
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const names = async () => {
    await settle();
    return [...inside.keys()];
  };
  return { enter, leave, names };
}

test("ordinary jobs run together", async () => {
  const { enter, names } = follow();
  void enter("a");
  void enter("b");
  expect(await names()).toEqual(["a", "b"]);
});

test("a lone job waits for those inside, and holds up those behind it", async () => {
  const { enter, leave, names } = follow();
  void enter("a");
  void enter("lone", true);
  void enter("b");
  expect(await names()).toEqual(["a"]);
  leave("a");
  expect(await names()).toEqual(["lone"]);
  leave("lone");
  expect(await names()).toEqual(["b"]);
});

test("two lone jobs run one after the other", async () => {
  const { enter, leave, names } = follow();
  void enter("one", true);
  void enter("two", true);
  expect(await names()).toEqual(["one"]);
  leave("one");
  expect(await names()).toEqual(["two"]);
});
