import { Redis } from "ioredis";
import { type Contender, type ContenderName, contenders } from "./contenders.ts";
import { type Api, createPlace, type Servers } from "./place.ts";
import { type Scenario, usesPostgres, usesRedis } from "./scenarios.ts";
import { difference, type Usage, usageOfServer } from "./usage.ts";

/** What one contender did in one round. */
export type Measured = {
  records: number;
  /** From the first request that the API got to the last record that was stored. */
  seconds: number;
  /** By process; servers only what they took in this time. */
  usage: Record<string, Usage>;
  /** The most that Redis held, of what is looked at ten times a second. */
  redisBytes?: number;
};

/** One round of every contender of `among` that takes part, one after the other, the first of them another one each time. */
export async function measureRound(
  scenario: Scenario,
  { round, among, servers, api }: { round: number; among: readonly ContenderName[]; servers: Servers; api: Api },
): Promise<Map<ContenderName, Measured>> {
  const taking = contenders.filter((each) => among.includes(each.name) && each.takesPartIn(scenario));
  const measured = new Map<ContenderName, Measured>();
  for (let i = 0; i < taking.length; i++) {
    const contender = taking[(round + i) % taking.length];
    if (contender !== undefined) measured.set(contender.name, await measure(contender, scenario, servers, api));
  }
  return measured;
}

async function measure(contender: Contender, scenario: Scenario, servers: Servers, api: Api): Promise<Measured> {
  await using stack = new AsyncDisposableStack();
  const wanted = contender.records(scenario);
  const place = await createPlace(scenario, servers, `${api.url}/${wanted}`, stack);
  await api.forget();
  const watched = [
    ...(usesPostgres(scenario) ? ([["postgres", servers.postgres]] as const) : []),
    ...(usesRedis(scenario) ? ([["redis", servers.redis]] as const) : []),
  ].map(([name, server]) => ({ name, pid: server.pid?.() ?? 0 }));
  const before = await Promise.all(watched.map(({ pid }) => usageOfServer(pid)));
  const memory = usesRedis(scenario) ? watchMemory(place.redisUrl) : undefined;
  const { records, endedAt, usage } = await contender.run(scenario, place);
  const redisBytes = await memory?.();
  if (records !== wanted) throw new Error(`${contender.name} stored ${records} of ${wanted} records`);
  const after = await Promise.all(watched.map(({ pid }) => usageOfServer(pid)));
  const taken = watched.map(({ name }, i) => [name, difference(at(before, i), at(after, i))] as const);
  return {
    records,
    seconds: (endedAt - (await api.firstAskedAt())) / 1_000,
    usage: { ...usage, ...Object.fromEntries(taken) },
    ...(redisBytes !== undefined && { redisBytes }),
  };
}

/** Returns what ends it and gives the most that was seen, less what an empty Redis has. */
function watchMemory(url: string): () => Promise<number> {
  const redis = new Redis(url);
  const seen: number[] = [];
  const look = async () => {
    const info = await redis.info("memory");
    seen.push(Number(/^used_memory:(\d+)/m.exec(info)?.[1] ?? 0));
  };
  let looking = look();
  const timer = setInterval(() => {
    looking = look();
  }, 100);
  return async () => {
    clearInterval(timer);
    await looking;
    await redis.quit();
    return Math.max(...seen) - (seen[0] ?? 0);
  };
}

function at(usages: readonly Usage[], i: number): Usage {
  const usage = usages[i];
  if (usage === undefined) throw new Error(`no usage ${i}`);
  return usage;
}
