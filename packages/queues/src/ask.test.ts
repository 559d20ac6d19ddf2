import { PermanentError } from "@penstock/core/errors";
import { expect, test } from "vitest";
import { ask } from "./ask.ts";

test("an answer is passed on", async () => expect(await ask("it", async () => 7)).toBe(7));

test("no answer in time is an error that says so", async () => {
  const never = ask("queue depths", () => new Promise(() => undefined), 20);
  await expect(never).rejects.toMatchObject({
    code: "QUEUE_UNAVAILABLE",
    message: "queue depths: no answer within 20 ms",
  });
});

test("an error keeps its message and code as cause, but not the command it answers", async () => {
  const error = Object.assign(new Error("WRONGPASS"), { code: "E", command: { name: "auth", args: ["hush"] } });
  const failure: unknown = await ask("it", () => Promise.reject(error)).catch((reason: unknown) => reason);
  expect(failure).toMatchObject({ message: "it: WRONGPASS", cause: { message: "WRONGPASS", code: "E" } });
  expect(failure).not.toHaveProperty("cause.command");
});

test("our own errors are passed on", async () => {
  const error = new PermanentError("PAYLOAD_TOO_LARGE", "too large");
  await expect(ask("it", () => Promise.reject(error))).rejects.toBe(error);
});
