import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { runPenstock } from "./contenders/penstock.ts";
import type { Place } from "./place.ts";
import { type Scenario, usesPostgres, usesRedis } from "./scenarios.ts";
import type { Usage } from "./usage.ts";

/** When the last record was stored, in ms since 1970, and what each process took. */
export type Account = { records: number; endedAt: number; usage: Record<string, Usage> };

export type ContenderName = "Penstock" | "ceiling" | "a job per record" | "Python tutorial";

export type Contender = {
  name: ContenderName;
  /** Those that are slow pull fewer records. */
  records(scenario: Scenario): number;
  takesPartIn(scenario: Scenario): boolean;
  run(scenario: Scenario, place: Place): Promise<Account>;
};

/** Debian's own, whatever else is on the PATH: that one has Debian's packages. */
const python = "/usr/bin/python3";
const folder = join(import.meta.dirname, "contenders");
const isPlain = ({ latencyMs, recordBytes }: Scenario) => latencyMs === 0 && recordBytes <= 200;

export const contenders: readonly Contender[] = [
  { name: "Penstock", records: ({ records }) => records, takesPartIn: () => true, run: runPenstock },
  {
    name: "ceiling",
    records: ({ records }) => records,
    takesPartIn: () => true,
    run: (scenario, place) => told(startCeiling(scenario, place)),
  },
  {
    name: "a job per record",
    records: ({ records }) => Math.min(records, 4_000),
    takesPartIn: (scenario) => isPlain(scenario) && usesRedis(scenario) && scenario.pageSize === 1_000,
    run: ({ pageSize }, { apiUrl, databaseUrl, redisUrl }) =>
      told(
        start(process.execPath, [
          join(folder, "job-per-record-main.ts"),
          ...[apiUrl, databaseUrl, String(pageSize), redisUrl],
        ]),
      ),
  },
  {
    name: "Python tutorial",
    records: ({ records }) => Math.min(records, 8_000),
    takesPartIn: (scenario) => isPlain(scenario) && !usesPostgres(scenario) && scenario.pageSize === 1_000,
    run: ({ pageSize }, { apiUrl, plainUrl }) =>
      told(
        start(python, [join(import.meta.dirname, "tutorial/pipeline.py")], {
          API_BASE_URL: apiUrl,
          DB_PATH: plainUrl.slice("file:".length),
          BATCH_SIZE: String(pageSize),
        }),
      ),
  },
];

export function startCeiling({ pageSize }: Scenario, { apiUrl, plainUrl }: Place): Program {
  return start(process.execPath, [join(folder, "ceiling-main.ts"), apiUrl, plainUrl, String(pageSize)]);
}

type Program = ChildProcessByStdio<null, Readable, Readable>;

function start(command: string, args: string[], env: Record<string, string> = {}): Program {
  return spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
}

/** What a program's last line of output says, which is its account. */
async function told(child: Program): Promise<Account> {
  const ended = once(child, "close");
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await ended;
  if (code !== 0) throw new Error(`${child.spawnargs.join(" ")} ended with ${code}:\n${err}`);
  const { records, endedAt, usage } = JSON.parse(out.trim().split("\n").at(-1) ?? "");
  return { records, endedAt, usage: { program: usage } };
}
