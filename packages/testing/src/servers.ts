import { inject } from "vitest";
import { startContainerServer } from "./container-server.ts";
import { startLocalServer } from "./local-server.ts";
import { type ServerKind, serverKinds, type TestServer } from "./server-kinds.ts";

/** How a server of one kind can be had on this machine: of one's own, and the one all tests of the run share. */
export type Provision = {
  /** The shared server; `undefined` when there is none. */
  url: string | undefined;
  /** Ways to start another one, best first. */
  ways: Way[];
};
export type Way = "container" | "local";

export type Provisions = { [K in ServerKind]: Provision };

declare module "vitest" {
  interface ProvidedContext {
    provisions: Provisions;
    /** One line per kind of test that cannot run here, with the reason. */
    leftOut: string[];
  }
}

/**
 * The servers of this test run. Outside the integration and e2e projects nothing is provisioned, which is an error here rather
 * than a silent absence of tests.
 */
export function provision(kind: ServerKind): Provision {
  const provisions: Provisions | undefined = inject("provisions");
  if (provisions === undefined)
    throw new Error("No servers here: call it from an *.integration.test.ts or from tests/e2e");
  return provisions[kind];
}

/** URL of the Redis (AOF on, noeviction) that the run's tests share, `undefined` where none can be had. */
export const redisUrl = (): string | undefined => provision("redis").url;

/** URL of the Postgres that the run's tests share, `undefined` where none can be had. */
export const postgresUrl = (): string | undefined => provision("postgres").url;

/** Whether `startOwnRedis`/`startOwnPostgres` can work: for `describe.runIf`. The run's report says what was left out. */
export const canStartOwn = (kind: ServerKind): boolean => provision(kind).ways.length > 0;

/** A Redis of the test's own, to kill, stop and start again. */
export const startOwnRedis = (): Promise<TestServer> => startServer("redis", provision("redis").ways);

/** A Postgres of the test's own, to kill, stop and start again. */
export const startOwnPostgres = (): Promise<TestServer> => startServer("postgres", provision("postgres").ways);

/** Tries the ways in their order. Throws, with every reason, when none works. */
export async function startServer(kind: ServerKind, ways: readonly Way[]): Promise<TestServer> {
  const failures: unknown[] = [];
  for (const way of ways) {
    try {
      return await (way === "container" ? startContainerServer(kind) : startLocalServer(kind));
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(
    failures,
    `${serverKinds[kind].label} cannot be started: ${failures.map(String).join("; ")}`,
  );
}
