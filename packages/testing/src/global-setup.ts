import type { TestProject } from "vitest/node";
import { findChromium } from "./chromium.ts";
import { findCompose } from "./compose-engine.ts";
import { hasEngine } from "./container-server.ts";
import { findServerBinary } from "./local-server.ts";
import { findPromtool } from "./promtool.ts";
import { type ServerKind, serverKinds, type TestServer, waitUntilAnswering } from "./server-kinds.ts";
import { type Provision, startServer, type Way } from "./servers.ts";

/*
 * Provisions one Redis and one Postgres for the whole run: the URL given, else a container, else a binary of this machine.
 * Several projects name this file; the first one to run provisions for all, since what it provides stands in the root project.
 */

const givenUrl: { [K in ServerKind]: string } = { redis: "TEST_REDIS_URL", postgres: "TEST_POSTGRES_URL" };

export default async function setup({ vitest }: TestProject): Promise<(() => Promise<void>) | undefined> {
  if ("provisions" in vitest.getProvidedContext()) return undefined;
  const hasDocker = await hasEngine();
  const [redis, postgres] = await Promise.all([obtain("redis", hasDocker), obtain("postgres", hasDocker)]);
  const isComposing = findCompose();
  const noCompose = isComposing ? [] : ["left out: container tests – no Docker engine with compose"];
  const isChecking = findPromtool();
  const noPromtool = isChecking ? [] : ["left out: tests of alert rules – no promtool (Debian's package prometheus)"];
  const noBrowser = findChromium() === undefined ? ["left out: tests of the dashboard – no Chromium on the PATH"] : [];
  const leftOut = [...redis.leftOut, ...postgres.leftOut, ...noCompose, ...noPromtool, ...noBrowser];
  vitest.provide("hasPromtool", isChecking);
  vitest.provide("hasCompose", isComposing);
  vitest.provide("provisions", { redis: redis.provision, postgres: postgres.provision });
  vitest.provide("leftOut", leftOut);
  const close = async () => {
    await Promise.all([redis.server?.close(), postgres.server?.close()]);
  };
  if (leftOut.length > 0 && process.env["PENSTOCK_TEST_REQUIRE_ALL"] === "1") {
    await close();
    throw new Error(`PENSTOCK_TEST_REQUIRE_ALL is set, but ${leftOut.join("; ")}`);
  }
  return close;
}

type Obtained = { provision: Provision; server?: TestServer; leftOut: string[] };

async function obtain(kind: ServerKind, hasDocker: boolean): Promise<Obtained> {
  const { label } = serverKinds[kind];
  const variable = givenUrl[kind];
  const url = process.env[variable];
  const reasons = hasDocker ? [] : ["no Docker engine"];
  const ways: Way[] = hasDocker ? ["container", "local"] : ["local"];
  if (url) return await obtainGiven(kind, url, hasDocker);
  const started = await startFirst(kind, ways, reasons);
  if (started)
    return { provision: { url: started.server.url, ways: started.ways }, server: started.server, leftOut: [] };
  const leftOut = [`left out: ${label} tests – ${reasons.join(", ")}, no ${variable}`];
  return { provision: { url: undefined, ways: [] }, leftOut };
}

/** The server given is not ours to stop: for tests that do, another one of this machine. */
async function obtainGiven(kind: ServerKind, url: string, hasDocker: boolean): Promise<Obtained> {
  await waitUntilAnswering(kind, url);
  const hasBinary = (await findServerBinary(kind)) !== undefined;
  const ways = [...(hasDocker ? ["container" as const] : []), ...(hasBinary ? ["local" as const] : [])];
  const { label } = serverKinds[kind];
  const missing = `left out: tests that stop and restart ${label} – no Docker engine, no local binary`;
  return { provision: { url, ways }, leftOut: ways.length > 0 ? [] : [missing] };
}

/** The first way that works, and the ways from there on; why the others did not work goes to `reasons`. */
async function startFirst(
  kind: ServerKind,
  ways: Way[],
  reasons: string[],
): Promise<{ server: TestServer; ways: Way[] } | undefined> {
  for (const [index, way] of ways.entries()) {
    try {
      return { server: await startServer(kind, [way]), ways: ways.slice(index) };
    } catch (error) {
      reasons.push(...reasonsOf(error));
    }
  }
  return undefined;
}

function reasonsOf(error: unknown): string[] {
  const causes: unknown[] = error instanceof AggregateError ? error.errors : [error];
  return causes.map((cause) => (cause instanceof Error ? cause.message : String(cause)));
}
