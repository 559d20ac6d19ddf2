import { exitCodes } from "@penstock/runtime/failure";
import { loadUsableSources } from "@penstock/runtime/usable-sources";
import type { LoadedSources } from "@penstock/source/load-sources";
import type { Schedule } from "@penstock/source/model";
import Table from "cli-table3";
import type { CommandContext } from "../program.ts";

/** `penstock sources`: what is defined, where it points, when it runs. */
export async function sources({ config, out }: CommandContext, options: { json?: boolean }): Promise<number> {
  const listed = listSources(await loadUsableSources(config));
  out.write(options.json === true ? `${JSON.stringify(listed)}\n` : describe(listed, config.sourcesDir));
  return exitCodes.ok;
}

type Listed = {
  source: string;
  stream: string | null;
  /** Stream whose records it is fetched for, of a child stream. */
  parent: string | null;
  baseUrl: string | null;
  schedule: string | null;
  view: string | null;
  problems: string[];
};

function listSources(loaded: LoadedSources): Listed[] {
  const configured = loaded.sources.flatMap((source) =>
    Object.values(source.streams).map((stream) => ({
      source: source.name,
      stream: stream.name,
      parent: stream.parent?.stream ?? null,
      baseUrl: source.baseUrl,
      schedule: describeSchedule(stream.schedule),
      view: `${source.name}_${stream.name}`,
      problems: [],
    })),
  );
  const unconfigured = loaded.unconfigured.map(({ name, problems }) => ({
    source: name,
    stream: null,
    parent: null,
    baseUrl: null,
    schedule: null,
    view: null,
    problems,
  }));
  return [...configured, ...unconfigured];
}

function describeSchedule(schedule: Schedule | undefined): string | null {
  if (schedule === undefined) return null;
  return "cron" in schedule ? `${schedule.cron} (${schedule.timezone})` : `every ${schedule.everyMs / 1_000} s`;
}

function describeStart({ schedule, parent }: Listed): string {
  const own = schedule ?? (parent === null ? "on demand" : undefined);
  return [own, parent === null ? undefined : `per record of ${parent}`].filter((part) => part !== undefined).join(", ");
}

function describe(listed: Listed[], sourcesDir: string): string {
  if (listed.length === 0) return `no source is defined in ${sourcesDir}; docs/adding-a-source.md shows how\n`;
  const table = new Table({ head: ["stream", "base URL", "schedule", "view"], style: { head: [], border: [] } });
  for (const row of listed) {
    if (row.stream === null)
      table.push([row.source, { colSpan: 3, content: `not configured: ${row.problems.join("; ")}` }]);
    else table.push([`${row.source}.${row.stream}`, row.baseUrl ?? "", describeStart(row), row.view ?? ""]);
  }
  return `${table.toString()}\n`;
}
