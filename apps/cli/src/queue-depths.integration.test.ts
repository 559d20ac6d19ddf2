import { createLogger } from "@penstock/telemetry/logger";
import { queueTargets } from "@penstock/testing/databases";
import { expect, test } from "vitest";
import { readQueueDepths, readUnattended } from "./queue-depths.ts";

for (const target of queueTargets().filter(({ name }) => name === "postgres")) {
  test("a Postgres without queues has none that are deep, or that nobody works on", async () => {
    await using stack = new AsyncDisposableStack();
    const { settings } = stack.adopt(await target.create(), (created) => created.drop());
    if (settings.kind !== "postgres") throw new Error("not a Postgres");
    expect(await readQueueDepths(settings, createLogger({ app: "cli", level: "silent", format: "json" }))).toEqual([]);
    expect(await readUnattended(settings, 0)).toEqual([]);
  });
}
