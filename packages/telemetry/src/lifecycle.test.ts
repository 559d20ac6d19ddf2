import { EventEmitter, once } from "node:events";
import { describe, expect, it } from "vitest";
import { runService, type Service } from "./lifecycle.ts";
import type { Logger } from "./logger.ts";

const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => quiet };

function launch(start: (service: Service) => Promise<void>, deadlineMs = 1_000) {
  const process = new EventEmitter();
  const exits: number[] = [];
  const host = Object.assign(process, { exit: (code: number) => void exits.push(code) });
  const started = Promise.withResolvers<Service>();
  const result = runService(
    async (service) => {
      await start(service);
      started.resolve(service);
    },
    { process: host, logger: quiet, deadlineMs },
  );
  return { process, exits, started: started.promise, result };
}

describe("a service", () => {
  it("releases in reverse what it opened, and ends with 0", async () => {
    const released: string[] = [];
    const { process, started, result, exits } = launch(async ({ stack, state }) => {
      stack.defer(() => void released.push(`database while ${state()}`));
      stack.defer(() => void released.push(`worker while ${state()}`));
    });
    const service = await started;
    process.emit("SIGTERM", "SIGTERM");
    expect(await result).toBe(0);
    expect(released).toEqual(["worker while draining", "database while draining"]);
    expect(service.state()).toBe("stopped");
    expect(exits).toEqual([]);
    expect(process.eventNames()).toEqual([]);
  });

  it("tells by its signal that draining began", async () => {
    const { process, started, result } = launch(async () => {});
    const service = await started;
    const aborted = once(service.signal, "abort");
    process.emit("SIGINT", "SIGINT");
    await aborted;
    expect(await result).toBe(0);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 1],
  ])("ends at once on a second %s", async (signal, code) => {
    const drained = Promise.withResolvers<void>();
    const { process, started, result, exits } = launch(async ({ stack }) => stack.defer(() => drained.promise));
    await started;
    process.emit(signal, signal);
    process.emit(signal, signal);
    expect(exits).toEqual([code]);
    drained.resolve();
    await result;
  });

  it("ends with 1 when draining takes longer than the deadline", async () => {
    const drained = Promise.withResolvers<void>();
    const { started, result, exits } = launch(async ({ stack }) => stack.defer(() => drained.promise), 5);
    (await started).stop("test");
    await expect.poll(() => exits).toEqual([1]);
    drained.resolve();
    await result;
  });

  it.each(["uncaughtException", "unhandledRejection"])("drains and ends with 1 after an %s", async (event) => {
    const released: string[] = [];
    const { process, started, result } = launch(async ({ stack }) => stack.defer(() => void released.push("worker")));
    await started;
    process.emit(event, new Error("bug"));
    expect(await result).toBe(1);
    expect(released).toEqual(["worker"]);
  });

  it("ends with 1 when something was not released or not finished", async () => {
    const failing = launch(async ({ stack }) => stack.defer(() => Promise.reject(new Error("away"))));
    (await failing.started).stop("test");
    expect(await failing.result).toBe(1);
    const unfinished = launch(async ({ stack, markUnclean }) => stack.defer(() => markUnclean("two jobs handed back")));
    (await unfinished.started).stop("test");
    expect(await unfinished.result).toBe(1);
  });

  it("releases what it had opened when it cannot start, and passes the error on", async () => {
    const released: string[] = [];
    const { result, process } = launch(async ({ stack }) => {
      stack.defer(() => void released.push("database"));
      throw new Error("queue is away");
    });
    await expect(result).rejects.toThrow("queue is away");
    expect(released).toEqual(["database"]);
    expect(process.eventNames()).toEqual([]);
  });
});
