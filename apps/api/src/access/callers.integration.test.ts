import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestApi, type TestApi } from "../test-api.ts";
import { type Callers, createCallers } from "./callers.ts";

const stack = new AsyncDisposableStack();
let api: TestApi;
let callers: Callers;

beforeAll(async () => {
  api = await openTestApi(stack);
  callers = createCallers(api.store.access, { mayBeOpen: false });
});
afterAll(() => stack.disposeAsync());

test("a session whose change is refused is not taken for one that holds, by what was remembered of it", async () => {
  const { id, key } = await api.key("operate");
  const sessionToken = (await callers.login(key))?.token;
  const asks = async (isReading: boolean) =>
    (await callers.identify({ authorization: undefined, sessionToken, isReading }))?.kind;
  expect(await asks(true)).toBe("session");
  expect(await asks(false)).toBe("session");
  await api.store.access.revokeKey(id, { actor: "test", reason: null });
  expect(await asks(false)).toBeUndefined();
  expect(await asks(true)).toBeUndefined();
});
