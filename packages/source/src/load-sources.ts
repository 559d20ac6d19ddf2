import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError } from "@penstock/core/errors";
import type { SourceDefinition } from "./define-source.ts";
import type { Environment } from "./environment.ts";
import { checkHeaderValue } from "./headers.ts";
import type { Source, Stream } from "./model.ts";
import { parentProblem } from "./parent-problem.ts";
import { scheduleProblem } from "./schedule-problem.ts";
import { viewColumns } from "./view-columns.ts";
import { deletionsProblem, writeModeProblem } from "./write-mode-problem.ts";

export type LoadedSources = {
  /** Ready to run, sorted by name. */
  sources: Source[];
  /** Defined, but variables they need are not set. Listed and not run. */
  unconfigured: { name: string; problems: string[] }[];
  /** Files and variables that are wrong. */
  problems: ConfigError[];
};

const namePattern = /^[a-z][a-z0-9_]*$/;

/** Loads every source file of a folder: `*.ts` but for tests. A folder that does not exist holds none. */
export async function loadSources(dir: string, env: Environment): Promise<LoadedSources> {
  const loaded: LoadedSources = { sources: [], unconfigured: [], problems: [] };
  for (const file of await sourceFiles(dir)) await collect(loaded, file, () => loadFile(join(dir, file), env, loaded));
  await collect(loaded, dir, async () => refuseCollisions(loaded.sources));
  return loaded;
}

async function sourceFiles(dir: string): Promise<string[]> {
  try {
    const names = await readdir(dir);
    return names.filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !name.endsWith(".d.ts")).sort();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw new ConfigError("SOURCE_INVALID", `the folder of sources ${dir} cannot be read`, { cause: error });
  }
}

async function collect(loaded: LoadedSources, where: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    loaded.problems.push(error instanceof ConfigError ? error : sourceInvalid(where, error));
  }
}

function sourceInvalid(file: string, cause: unknown): ConfigError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ConfigError("SOURCE_INVALID", `source file ${file} cannot be loaded: ${reason}`, { cause });
}

async function loadFile(path: string, env: Environment, loaded: LoadedSources): Promise<void> {
  const module: { default?: unknown } = await import(pathToFileURL(path).href);
  const definition = module.default;
  if (!isDefinition(definition)) {
    throw new ConfigError("SOURCE_INVALID", `source file ${basename(path)} has no default export made by defineSource`);
  }
  const configured = definition.configure(env);
  if (!configured.isConfigured) {
    loaded.unconfigured.push({ name: definition.name, problems: configured.problems });
    return;
  }
  checkSource(configured.source);
  loaded.sources.push(configured.source);
}

function isDefinition(value: unknown): value is SourceDefinition {
  return (
    typeof value === "object" &&
    value !== null &&
    "configure" in value &&
    typeof value.configure === "function" &&
    "name" in value
  );
}

/**
 * What the types cannot hold.
 *
 * @throws ConfigError `SOURCE_INVALID`
 */
function checkSource(source: Source): void {
  checkName("source", source.name, source.name);
  const url = URL.parse(source.baseUrl);
  if (url === null || !/^https?:$/.test(url.protocol)) throw invalid(source, "baseUrl is no http(s) URL");
  if (url.username !== "" || url.password !== "") throw invalid(source, "baseUrl holds credentials; use auth");
  for (const [name, value] of Object.entries(source.headers)) checkHeaderValue(`the header ${name}`, value);
  for (const stream of Object.values(source.streams)) checkStream(source, stream);
}

function checkStream(source: Source, stream: Stream): void {
  checkName("stream", stream.name, source.name);
  const columns = new Set(viewColumns(stream).map(({ name }) => name));
  const notColumn = stream.indexes.flat().find((name) => !columns.has(name));
  if (notColumn !== undefined)
    throw invalid(source, `stream ${stream.name}: indexes names ${notColumn}, which its view has not`);
  const fields = new Set(Object.keys(stream.output.shape));
  const named = { key: stream.key, eventTime: [stream.eventTime], version: [stream.version?.field] };
  for (const [option, names] of Object.entries(named)) {
    const unknown = names.find((name) => name !== undefined && !fields.has(name));
    if (unknown !== undefined)
      throw invalid(source, `stream ${stream.name}: ${option} names ${unknown}, which the output schema has not`);
  }
  if (stream.key.length === 0) throw invalid(source, `stream ${stream.name}: key names no field`);
  if (/[?#]/.test(stream.path))
    throw invalid(source, `stream ${stream.name}: path holds a query, which goes into \`query\`: "${stream.path}"`);
  const scheduled = stream.schedule && scheduleProblem(stream.schedule);
  const problem =
    parentProblem(source, stream) ??
    orderProblem(stream) ??
    writeModeProblem(source, stream) ??
    deletionsProblem(stream) ??
    scheduled;
  if (problem !== undefined) throw invalid(source, `stream ${stream.name}: ${problem}`);
}

function orderProblem({ paginator, cursor, order }: Stream): string | undefined {
  if (order !== "none" && cursor === undefined) return `order "${order}" needs a cursor to be sorted by`;
  if (paginator.kind !== "keyset") return undefined;
  if (cursor === undefined) return "keyset paging needs a cursor";
  if (order === "desc") return "keyset paging needs an API that sorts by the cursor, smallest first";
  if (cursor.zone !== undefined && cursor.zone !== "UTC") return "keyset paging needs times with a zone, or in UTC";
  return undefined;
}

function checkName(kind: string, name: string, source: string): void {
  if (namePattern.test(name)) return;
  throw new ConfigError(
    "SOURCE_INVALID",
    `${kind} name "${name}": expected a small letter, then small letters, digits and _`,
    { source },
  );
}

/** Two files may name one source; and streams `a.b_c` and `a_b.c` would want the same view. */
function refuseCollisions(sources: Source[]): void {
  refuseTaken(
    sources.map((source) => ({ name: source.name, source })),
    "source name",
  );
  const views = sources.flatMap((source) =>
    Object.keys(source.streams).map((stream) => ({ name: `${source.name}_${stream}`, source })),
  );
  refuseTaken(views, "view name");
  sources.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function refuseTaken(wanted: { name: string; source: Source }[], what: string): void {
  const takenBy = new Map<string, Source>();
  for (const { name, source } of wanted) {
    const other = takenBy.get(name);
    if (other !== undefined)
      throw invalid(source, `the ${what} ${name} is taken by another source already, ${other.name}`);
    takenBy.set(name, source);
  }
}

function invalid(source: Source, what: string): ConfigError {
  return new ConfigError("SOURCE_INVALID", `source ${source.name}: ${what}`, { source: source.name });
}
