import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { jobTypes } from "@penstock/queues/catalog";
import { metricDefinitions } from "@penstock/telemetry/metric-definitions";
import { createMetrics } from "@penstock/telemetry/metrics";
import { hasPromtool } from "@penstock/testing/promtool";
import { testDir } from "@penstock/testing/temp-dir";
import { describe, expect, it, test } from "vitest";
import { z } from "zod";
import { anchors, readPage, root, section } from "./markdown.ts";

const folder = join(root, "deploy/observability");
const promtool = (...args: string[]) => promisify(execFile)("promtool", args, { cwd: join(folder, "prometheus") });
const read = (path: string) => readFile(join(folder, path), "utf8");

/** What Grafana 12 needs of a dashboard, as far as ours use it; anything else is a mistake. */
const datasource = z.strictObject({ type: z.literal("prometheus"), uid: z.literal("prometheus") });
const target = z.strictObject({
  refId: z.string(),
  datasource,
  expr: z.string().min(1),
  legendFormat: z.string(),
  instant: z.boolean().optional(),
  range: z.boolean().optional(),
  exemplar: z.boolean().optional(),
});
const panel = z.object({
  id: z.int(),
  type: z.enum(["timeseries", "stat"]),
  title: z.string().min(1),
  description: z.string().min(1),
  datasource,
  gridPos: z.strictObject({ x: z.int().max(23), y: z.int(), w: z.int().max(24), h: z.int() }),
  fieldConfig: z.object({ defaults: z.object({ unit: z.string() }) }),
  targets: z.array(target).min(1),
});
const dashboard = z.object({
  uid: z.string().regex(/^penstock-[a-z-]+$/),
  title: z.string(),
  schemaVersion: z.int().min(39),
  templating: z.object({ list: z.array(z.object({ name: z.string(), query: z.object({ query: z.string() }) })) }),
  panels: z.array(panel).min(6),
});

async function dashboards() {
  const names = await readdir(join(folder, "grafana/dashboards"));
  return Promise.all(
    names.map(async (name) => ({ name, ...dashboard.parse(JSON.parse(await read(`grafana/dashboards/${name}`))) })),
  );
}

/** Names of metrics with their labels' names, as what is exposed has them. */
async function exposedNames(): Promise<Set<string>> {
  const own = Object.values(metricDefinitions).flatMap(({ name, type }) =>
    type === "histogram" ? ["_bucket", "_sum", "_count"].map((suffix) => name + suffix) : [name],
  );
  const { text } = await createMetrics({ withProcess: true }).read();
  const exposed = [...text.matchAll(/^(penstock_[a-z0-9_]+)/gm)].map(([, name = ""]) => name);
  const histograms = [...text.matchAll(/^# TYPE (\S+) histogram$/gm)].map(([, name]) => `${name}_sum`);
  return new Set([...own, ...exposed, ...histograms, "up"]);
}

const namesIn = (expr: string): string[] => expr.match(/\bpenstock_[a-z0-9_]+/g) ?? [];
/** Label names that an expression selects or groups by. */
const labelsIn = (expr: string): string[] => [
  ...[...expr.matchAll(/([a-z_]+)\s*(?:=~|!=|!~|=)\s*"/g)].map(([, label = ""]) => label),
  ...[...expr.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)].flatMap(([, list = ""]) => list.split(/,\s*/).filter(Boolean)),
];

describe("dashboards", () => {
  it("are complete, and each of their queries names metrics and labels that exist", async () => {
    const known = await exposedNames();
    const labels = new Set(Object.values(metricDefinitions).flatMap(({ labels: names }) => names as readonly string[]));
    const others = ["le", "instance", "role", "job"];
    const found = await dashboards();
    expect(found.map(({ uid }) => uid).sort()).toEqual(
      ["capacity", "dead-letters", "overview", "source", "stages"].map((name) => `penstock-${name}`),
    );
    for (const { name, panels, uid, templating } of found) {
      expect(name).toBe(`${uid}.json`);
      const queries = templating.list.map(({ query }) => query.query);
      const exprs = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
      expect([...exprs, ...queries].flatMap(namesIn).filter((metric) => !known.has(metric))).toEqual([]);
      expect(
        exprs.flatMap(labelsIn).filter((label) => !labels.has(label) && !others.includes(label) && label !== "kind"),
      ).toEqual([]);
    }
  });

  it("show every metric of ours somewhere, or an alert looks at it", async () => {
    const text = (await dashboards())
      .flatMap(({ panels }) => panels.flatMap(({ targets }) => targets))
      .map(({ expr }) => expr);
    const shown = [...text, await read("prometheus/rules.yml")].flatMap(namesIn);
    const missing = Object.values(metricDefinitions).filter(
      ({ name }) => !shown.some((each) => each === name || each.startsWith(`${name}_`)),
    );
    expect(missing.map(({ name }) => name)).toEqual(["penstock_rate_limit_remaining"]);
  });
});

test("docs/operations.md lists the spans there are", async () => {
  const files = [
    "pipeline/src/start-run.ts",
    "pipeline/src/fetch.ts",
    "pipeline/src/request-page.ts",
    "pipeline/src/transform.ts",
    "pipeline/src/handlers.ts",
  ];
  const code = await Promise.all(files.map((file) => readFile(join(root, "packages", file), "utf8")));
  const begun = [...code.join("").matchAll(/(?:(?:inSpan|handOn)\(\{ name: |spanOf\()"([a-z]+)"/g)].map(
    ([, name]) => name,
  );
  const { text } = section(await readPage("docs/operations.md"), "Traces");
  const rows = text.split("\n").filter((line) => line.startsWith("| `"));
  const listed = rows.flatMap((row) => row.split(" | ")[0]?.match(/[A-Za-z]+(?=`)/g) ?? []);
  // What begins a run is what the pages are linked to.
  expect(listed).toEqual(expect.arrayContaining([...begun, ...jobTypes].filter((name) => name !== "run")));
  expect(begun).toEqual(expect.arrayContaining(["page", "request", "ahead", "enqueue", "commit", "settle"]));
});

describe("alert rules", () => {
  it("link to what to do, are tested each, and name metrics that exist", async () => {
    const [rules, tests, page] = [
      await read("prometheus/rules.yml"),
      await read("prometheus/rules.test.yml"),
      await readPage("docs/operations.md"),
    ];
    const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = ""]) => name);
    const links = [...rules.matchAll(/runbook_url: http:\/\/127\.0\.0\.1:9470\/runbook#(\S+)/g)].map(
      ([, anchor = ""]) => anchor,
    );
    expect(links).toEqual(alerts.map((name) => name.toLowerCase()));
    expect(anchors(page)).toEqual(expect.arrayContaining(links));
    expect(alerts.filter((name) => !tests.includes(`alertname="${name}"`))).toEqual([]);
    const known = await exposedNames();
    expect(namesIn(rules).filter((name) => !known.has(name))).toEqual([]);
  });

  describe.runIf(hasPromtool())("in promtool", () => {
    it("fire when they should, and only then", async () => {
      await promtool("check", "config", "prometheus.yml");
      expect((await promtool("test", "rules", "rules.test.yml")).stdout).toContain("SUCCESS");
    });

    it("understands every query of the dashboards", async () => {
      const exprs = (await dashboards())
        .flatMap(({ panels }) => panels.flatMap(({ targets }) => targets))
        .map(({ expr }) => expr);
      const rules = exprs.map((expr, i) => ({
        record: `query:number:${i}`,
        expr: expr.replaceAll("$__rate_interval", "1m"),
      }));
      const path = join(await testDir(), "queries.yml");
      await writeFile(path, JSON.stringify({ groups: [{ name: "queries", rules }] }));
      expect((await promtool("check", "rules", "--lint=none", path)).stdout).toContain(`${rules.length} rules found`);
    });
  });
});
