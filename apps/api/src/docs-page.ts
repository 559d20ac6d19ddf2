import type { OpenApi } from "./openapi.ts";

/** The API's description for people: one page without a script. */
export function docsPage({ info, paths, components }: OpenApi): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation: operation as Operation })),
  );
  const byTag = Map.groupBy(operations, ({ operation }) => operation.tags[0] ?? "");
  const sections = [...byTag].map(
    ([tag, its]) => `<h2 id="${html(tag)}">${html(tag)}</h2>${its.map(section).join("")}`,
  );
  const schemas = Object.entries(components["schemas"] ?? {}).map(
    ([name, schema]) => `<details id="schema-${html(name)}"><summary>${html(name)}</summary>${json(schema)}</details>`,
  );
  const links = [...byTag.keys()].map((tag) => `<a href="#${html(tag)}">${html(tag)}</a>`);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Penstock API</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/docs/style.css"></head><body><main>
<h1>Penstock API</h1><p>${html(String(info["description"]))} Version ${html(String(info["version"]))}, as
<a href="/openapi.json">OpenAPI 3.1</a>. Keys go into the header <code>Authorization: Bearer …</code>; failures are
<code>application/problem+json</code>.</p><nav>${links.join(" ")}</nav>${sections.join("")}
<h2 id="schemas">Schemas</h2>${schemas.join("")}</main></body></html>`;
}

type Parameter = { name: string; in: string; required: boolean; description?: string; schema: unknown };
type Operation = {
  summary: string;
  description: string;
  tags: string[];
  parameters: Parameter[];
  requestBody?: { content: { [type: string]: { schema: unknown } } };
  responses: { 200: { content: { [type: string]: { schema: unknown } } } };
};

function section({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const { summary, description, parameters, requestBody, responses } = operation;
  const rows = parameters.map(
    (each) =>
      `<tr><td><code>${html(each.name)}</code>${each.required ? " *" : ""}</td><td>${html(each.in)}</td><td>${html(each.description ?? "")}${json(each.schema)}</td></tr>`,
  );
  const body = Object.values(requestBody?.content ?? {}).map(({ schema }) => `<h4>Body</h4>${json(schema)}`);
  const answers = Object.entries(responses[200].content).map(
    ([type, { schema }]) => `<p>${html(type)}</p>${json(schema)}`,
  );
  return `<section><h3><b>${html(method.toUpperCase())}</b> <code>${html(path)}</code></h3><p>${html(summary)} ${html(description)}</p>
${rows.length === 0 ? "" : `<table><tr><th>parameter</th><th>in</th><th></th></tr>${rows.join("")}</table>`}${body.join("")}
<h4>Answer</h4>${answers.join("")}</section>`;
}

function json(value: unknown): string {
  const text = html(JSON.stringify(value, null, 2));
  const linked = text.replaceAll(
    /&quot;#\/components\/schemas\/(\w+)&quot;/g,
    (_, name: string) => `<a href="#schema-${name}">${name}</a>`,
  );
  return `<pre>${linked}</pre>`;
}

/** Text as it stands in a page. */
export function html(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

export const docsStyle = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{margin:0}
main{max-width:60rem;margin:auto;padding:1rem}pre{overflow:auto;background:#8881;padding:.5rem;border-radius:.3rem;font-size:.8rem;max-height:20rem}
nav a{margin-right:.7rem}table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25rem;border-top:1px solid #8884}
section{border-top:1px solid #8888;margin-top:1.5rem}details{margin:.5rem 0}`;
