import type { IQueueBackend } from "bullmq";
import { expect, test } from "vitest";
import { strictBackend } from "./strict-backend.ts";

type Answers = Awaited<ReturnType<IQueueBackend["addFlow"]>>;

/** Only the one function that is made strict. */
const answering = (answers: Answers) => strictBackend({ addFlow: async () => answers } as unknown as IQueueBackend);
const entry = {} as Parameters<IQueueBackend["addFlow"]>[0][number];

test.each<[string, Answers]>([
  [
    "an error",
    [
      [null, "a"],
      [new Error("down"), 0],
    ],
  ],
  [
    "a refusal",
    [
      [null, "a"],
      [null, -5],
    ],
  ],
  ["an answer too few", [[null, "a"]]],
  ["none", []],
])("%s among the answers is an error", async (_name, answers) => {
  await expect(answering(answers).addFlow([entry, entry])).rejects.toThrow();
});

test("ids are passed on", async () => {
  expect(
    await answering([
      [null, "a"],
      [null, "b"],
    ]).addFlow([entry, entry]),
  ).toEqual([
    [null, "a"],
    [null, "b"],
  ]);
});
