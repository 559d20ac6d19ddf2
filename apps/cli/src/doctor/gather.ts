import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Config } from "@penstock/config/config";
import { codeOf, messageOf } from "@penstock/core/decision";
import { PenstockError } from "@penstock/core/errors";
import { readEmbeddedLock } from "@penstock/queues/embedded-lock";
import { inspectQueue } from "@penstock/queues/inspect-queue";
import { loadConfiguration } from "@penstock/runtime/load-configuration";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import { type LoadedSources, loadSources } from "@penstock/source/load-sources";
import type { Source } from "@penstock/source/model";
import { probeSource } from "@penstock/source/probe-source";
import { readUnattended } from "../queue-depths.ts";
import type { Facts, Known, SourceFacts } from "./facts.ts";

/** Workers that start over, one after the other, are none for a moment. */
const unattendedAfterMs = 15_000;

/** Finds out what can be found out about an installation, all of it at once. Writes nothing. */
export async function gatherFacts(input: { env: NodeJS.ProcessEnv; cwd: string; node: string }): Promise<Facts> {
  const config = await attempt(() => loadConfiguration(input));
  const base = { node: input.node, now: new Date() };
  if (!config.isKnown) return { ...base, config, ...nothing };
  const { value } = config;
  const loaded = await attempt(() => loadSources(value.sourcesDir, value.env));
  // Loading the sources' files takes its time.
  const now = new Date();
  const [disk, database, queue, unattended, owner, apis] = await Promise.all([
    attempt(() => leastSpace(value)),
    attempt(() => inspectDatabase(value)),
    attempt(() => inspectQueue(value.queue)),
    attempt(() => readUnattended(value.queue, unattendedAfterMs)),
    ownerOf(value),
    Promise.all((loaded.isKnown ? loaded.value.sources : []).map(probe)),
  ]);
  const sources = loaded.isKnown ? { isKnown: true as const, value: sourceFacts(loaded.value) } : loaded;
  const places = { isKnown: true as const, value: placesOf(value) };
  return { ...base, now, config: places, disk, sources, database, queue, unattended, owner, apis };
}

const nothing = {
  disk: undefined,
  sources: undefined,
  database: undefined,
  queue: undefined,
  unattended: undefined,
  owner: undefined,
  apis: [],
};

async function attempt<T>(question: () => Promise<T>): Promise<Known<T>> {
  try {
    return { isKnown: true, value: await question() };
  } catch (error) {
    const remedy = error instanceof PenstockError ? error.remedy : "see the message";
    return { isKnown: false, code: codeOf(error), message: messageOf(error), remedy };
  }
}

/** SQLite may be elsewhere than the rest: what counts is the fuller one. */
async function leastSpace({ dataDir, database }: Config): Promise<{ path: string; freeBytes: number }> {
  const dirs = database.url.startsWith("file:") ? [dataDir, dirname(database.url.slice("file:".length))] : [dataDir];
  const spaces = await Promise.all(dirs.map(freeSpace));
  return spaces.reduce((least, space) => (space.freeBytes < least.freeBytes ? space : least));
}

/** The folder itself may not be there yet. */
async function freeSpace(dataDir: string): Promise<{ path: string; freeBytes: number }> {
  for (let path = dataDir; ; path = dirname(path)) {
    try {
      const { bavail, bsize } = await statfs(path);
      return { path, freeBytes: bavail * bsize };
    } catch (error) {
      if (path === dirname(path)) throw error;
    }
  }
}

async function inspectDatabase(config: Config): Promise<{ version: string; now: Date }> {
  await using stack = new AsyncDisposableStack();
  const store = stack.adopt(await openConfiguredStore(config, { isReadOnly: true }), (opened) => opened.close());
  return { version: await store.version(), now: await store.now() };
}

async function ownerOf({ queue }: Config): Promise<Facts["owner"]> {
  if (queue.kind !== "embedded") return undefined;
  const lock = await readEmbeddedLock(queue.dataDir);
  return lock && { pid: lock.pid, healthUrl: lock.healthUrl };
}

async function probe(source: Source): Promise<Facts["apis"][number]> {
  const api = await attempt(async () => ({ ...(await probeSource(source)), answeredAt: new Date() }));
  const remedy = `check baseUrl of ${source.name}, the network, and the API's status page`;
  return { source: source.name, api: api.isKnown ? api : { ...api, remedy } };
}

function sourceFacts({ sources, unconfigured, problems }: LoadedSources): SourceFacts {
  return { ready: sources.map(({ name }) => name), unconfigured, problems };
}

/** Without accounts. */
function placesOf({ database, queue, dataDir }: Config) {
  const place = (url: string) => (url.startsWith("file:") ? url.slice("file:".length) : new URL(url).host);
  return { dataDir, database: place(database.url), queue: queue.kind === "embedded" ? dataDir : place(queue.url) };
}
