import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { metaOf } from "@penstock/config/variable";
import { otherVariables, variables } from "@penstock/config/variables";
import { failurePoints } from "@penstock/core/failure-points";
import type { SourceDefinition } from "@penstock/source/define-source";
import { metricDefinitions } from "@penstock/telemetry/metric-definitions";
import { createMetrics } from "@penstock/telemetry/metrics";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const read = (path: string) => readFile(join(root, path), "utf8");

/** First cells that hold one name in code font, with the other cells of their row. */
async function rowsOf(path: string, name: RegExp): Promise<Map<string, string[]>> {
  const lines = (await read(path)).split("\n").filter((line) => line.startsWith("| `"));
  const rows = lines.map((line) => line.slice(2, -2).split(" | "));
  const named = rows.map(([first = "", ...rest]) => [first.replaceAll("`", ""), rest] as const);
  return new Map(named.filter(([first]) => name.test(first)));
}

/** What a source reads from its environment, seen by handing it one that is empty. Any of them may be in a file, `<NAME>_FILE`. */
async function sourceVariables(path: string): Promise<string[]> {
  const { default: source }: { default: SourceDefinition } = await import(join(root, path));
  const asked = new Set<string>();
  const empty: Record<string, string | undefined> = {};
  source.configure(new Proxy(empty, { get: (_, name) => void asked.add(String(name)) }));
  return [...asked].filter((name) => !(name.endsWith("_FILE") && asked.has(name.slice(0, -"_FILE".length))));
}

describe("docs/configuration.md", () => {
  it("describes every variable as its schema does", async () => {
    const rows = await rowsOf("docs/configuration.md", /^[A-Z_]+$/);
    for (const [name, schema] of Object.entries(variables)) {
      const { description, fallback } = metaOf(schema);
      expect([name, rows.get(name)?.at(0), rows.get(name)?.at(2)]).toEqual([name, description, fallback]);
    }
  });

  it("lists what the schemas, the sources, the wrapper and the tests read, and nothing else", async () => {
    const rows = await rowsOf("docs/configuration.md", /^[A-Z_]+$/);
    const tests = ["TEST_REDIS_URL", "TEST_POSTGRES_URL"];
    const all = [
      ...Object.keys(variables),
      ...(await sourceVariables("sources/external_api.ts")),
      ...otherVariables,
      ...tests,
    ];
    expect([...rows.keys()].sort()).toEqual(all.sort());
  });
});

describe(".env.example", () => {
  const ofCompose = /^--- docker compose alone/m;
  const namesIn = (text: string) => [...text.matchAll(/^#?([A-Z_]+)=/gm)].map(([, name = ""]) => name).sort();

  it("has every variable of the program and of its sources, once", async () => {
    const [text = ""] = (await read(".env.example")).replaceAll("# ---", "---").split(ofCompose);
    expect(namesIn(text)).toEqual(
      [...Object.keys(variables), ...(await sourceVariables("sources/external_api.ts"))].sort(),
    );
  });

  it("has every variable of the compose files", async () => {
    const [, text = ""] = (await read(".env.example")).replaceAll("# ---", "---").split(ofCompose);
    const files = ["docker-compose.yml", "docker-compose.postgres.yml", "docker-compose.managed.yml"];
    const compose = (await Promise.all(files.map(read))).join("");
    const named = new Set([...compose.matchAll(/\$\{([A-Z_]+)/g)].map(([, name = ""]) => name));
    const elsewhere = ["USGS_BASE_URL", ...Object.keys(variables)];
    // That one is for docker compose itself.
    expect(["COMPOSE_PROFILES", ...[...named].filter((name) => !elsewhere.includes(name))].sort()).toEqual(
      namesIn(text),
    );
  });
});

describe("docs/metrics.md", () => {
  it("has every metric as it is defined, and no other", async () => {
    const rows = await rowsOf("docs/metrics.md", /^penstock_(?!process_|nodejs_)[a-z_]+$/);
    const defined = Object.values(metricDefinitions).map(({ name, type, labels, help }) => {
      return [name, [type, labels.map((label) => `\`${label}\``).join(", "), help]] as const;
    });
    expect(rows).toEqual(new Map(defined));
  });

  it("has those of the process", async () => {
    const rows = await rowsOf("docs/metrics.md", /^penstock_(process|nodejs)_[a-z0-9_]+$/);
    const text = (await createMetrics({ withProcess: true }).read()).text;
    const exposed = [...text.matchAll(/^# TYPE (penstock_(?:process|nodejs)_\S+) (\S+)$/gm)].map(
      ([, name, type]) => [`${name}${type === "counter" ? "_total" : ""}`, type] as const,
    );
    expect([...rows].map(([name, [type]]) => [name, type])).toEqual(exposed);
  });
});

describe("docs/reliability.md", () => {
  it("has every failure point as its catalog has it", async () => {
    const rows = await rowsOf("docs/reliability.md", /^[a-z-]+\.[a-z-]+$/);
    expect(rows).toEqual(new Map(Object.entries(failurePoints).map(([point, when]) => [point, [when]])));
  });
});
