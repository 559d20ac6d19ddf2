import type { Query } from "@penstock/source/model";
import type { Secret } from "./credentials.ts";
import type { SourceDescription } from "./describe-source.ts";
import { pathText, quoted } from "./infer-paginator.ts";
import type { Declaration } from "./infer-schema.ts";

/** The source file, formatted as the repository's formatter does. */
export function renderSource(described: SourceDescription): string {
  const { declarations } = described;
  return [importLines(described).join("\n"), ...declarations.map(declarationText), sourceText(described)]
    .join("\n\n")
    .concat("\n");
}

function importLines({ credentials, paginator }: SourceDescription): string[] {
  const { secrets } = credentials;
  const auth = secrets.length === 0 ? [] : [`import { ${authName(secrets)} } from "@penstock/source/auth";`];
  return [
    ...auth,
    `import { defineSource, defineStream } from "@penstock/source/define-source";`,
    `import { every } from "@penstock/source/duration";`,
    `import { urlVariable } from "@penstock/source/environment";`,
    ...(paginator.importLine === undefined ? [] : [paginator.importLine]),
    `import { z } from "zod";`,
  ];
}

function declarationText({ name, fields }: Declaration): string {
  const comment =
    name === "record"
      ? "/** One record as the API sends it. Fields that are not named are dropped: delete those you do not need. */\n"
      : "";
  const lines = fields.map(([field, schema]) => `  ${propertyName(field)}: ${schema},`);
  return `${comment}const ${name} = z.object({\n${lines.join("\n")}\n});`;
}

function sourceText(described: SourceDescription): string {
  const { name, baseUrl, stream, credentials } = described;
  const prefix = name.toUpperCase();
  const variables = credentials.secrets.map(({ variable }) => `    ${variable}: z.string(),`);
  return [
    `/** ${comment(`${baseUrl}: inferred from one response with ${described.records} records. What the sample could not show is yours to correct.`)} */`,
    "export default defineSource({",
    `  name: ${quoted(name)},`,
    "  environment: z.object({",
    `    ${prefix}_URL: urlVariable().default(${quoted(baseUrl)}),`,
    ...variables,
    "  }),",
    "  define: (env) => ({",
    `    baseUrl: env.${prefix}_URL,`,
    ...authLines(credentials.secrets),
    ...headerLines(credentials.headers),
    "    streams: {",
    `      ${stream}: defineStream({`,
    ...streamLines(described).map((line) => `        ${line}`),
    "      }),",
    "    },",
    "  }),",
    "});",
  ].join("\n");
}

function authName([first, ...others]: Secret[]): "bearer" | "apiKey" | "customAuth" {
  if (others.length > 0) return "customAuth";
  return first?.place.kind === "bearer" ? "bearer" : "apiKey";
}

function authLines(secrets: Secret[]): string[] {
  const [first, ...others] = secrets;
  if (first === undefined) return [];
  if (others.length > 0) return togetherLines(secrets);
  const { place, variable } = first;
  if (place.kind === "bearer") return [`    auth: bearer(env.${variable}),`];
  return [`    auth: apiKey({ key: env.${variable}, ${place.kind}: ${quoted(place.name)} }),`];
}

/** Values of one function are secrets all, wherever they are sent. */
function togetherLines(secrets: Secret[]): string[] {
  const sent = secrets.map(({ place, variable }) =>
    place.kind === "bearer"
      ? { in: "headers", line: `authorization: \`Bearer \${env.${variable}}\`,` }
      : { in: place.kind === "header" ? "headers" : "query", line: `${propertyName(place.name)}: env.${variable},` },
  );
  const block = (name: string) => {
    const lines = sent.filter((each) => each.in === name).map(({ line }) => `        ${line}`);
    return lines.length === 0 ? [] : [`      ${name}: {`, ...lines, "      },"];
  };
  return ["    auth: customAuth(() => ({", ...block("headers"), ...block("query"), "    })),"];
}

function headerLines(headers: Record<string, string>): string[] {
  const lines = Object.entries(headers).map(([name, value]) => `${propertyName(name)}: ${quoted(value)},`);
  return lines.length === 0 ? [] : ["    headers: {", ...lines.map((line) => `      ${line}`), "    },"];
}

function streamLines(described: SourceDescription): string[] {
  const { path, query, recordsPath, wrapper, key, eventTime, version } = described;
  return [
    `path: ${quoted(path)},`,
    ...queryLines(query),
    ...(recordsPath.length === 0 ? [] : [`records: ${quoted(pathText(recordsPath))},`]),
    "schema: record,",
    ...wrapperLines(wrapper),
    `// Unique among the ${described.records} records of the sample.`,
    `key: ${key.length === 1 ? quoted(key[0] ?? "") : `[${key.map(quoted).join(", ")}]`},`,
    ...cursorLines(described),
    ...(version === undefined ? [] : [`version: { field: ${quoted(version)}, kind: "timestamp" },`]),
    ...(eventTime === undefined ? [] : [`eventTime: ${quoted(eventTime)},`]),
    ...paginatorLines(described),
    `schedule: every("15m"),`,
    `freshness: "45m",`,
  ];
}

function queryLines(query: Query): string[] {
  const written = (value: string | string[]) =>
    typeof value === "string" ? quoted(value) : `[${value.map(quoted).join(", ")}]`;
  const lines = Object.entries(query).map(([name, value]) => `  ${propertyName(name)}: ${written(value)},`);
  return lines.length === 0 ? [] : ["query: {", ...lines, "},"];
}

/** Beside one another in the table, what is the record's own and what its wrapper holds. */
function wrapperLines(wrapper: string | undefined): string[] {
  if (wrapper === undefined) return [];
  const inner = `record${wrapper.charAt(0).toUpperCase()}${wrapper.slice(1)}`;
  return [
    `output: z.object({ ...${inner}.shape, ...record.omit({ ${wrapper}: true }).shape }),`,
    `transform: ({ ${wrapper}, ...own }) => ({ ...${wrapper}, ...own }),`,
  ];
}

function cursorLines({ cursor, isZoneMissing, order, paginator }: SourceDescription): string[] {
  if (cursor === undefined) return ["// No field says when a record changed: every run reads everything."];
  const isAsked = paginator.code?.includes("since") === true || paginator.code?.startsWith("keyset") === true;
  const asked = isAsked
    ? []
    : ["// Every run reads everything until the paginator is told the parameter that takes this time: since."];
  const sorted =
    order === "none" || paginator.code?.startsWith("keyset")
      ? []
      : [`// Sorted in the sample; if the API always does so, say order: "${order}".`];
  const zone = isZoneMissing ? ["// The API writes these times without a zone: that it is UTC is a guess."] : [];
  const declared = paginator.code?.startsWith("keyset") === true ? [`order: "asc",`] : [];
  return [
    ...asked,
    ...sorted,
    ...zone,
    `cursor: { field: ${quoted(cursor)}${isZoneMissing ? `, zone: "UTC"` : ""} },`,
    ...declared,
  ];
}

function paginatorLines({ paginator: { code, reason } }: SourceDescription): string[] {
  const why = `// ${comment(`${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`)}`;
  return code === undefined ? [why] : [why, ...`paginator: ${code},`.split("\n")];
}

function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name);
}

/** Text from outside that stands in a comment must not end it. */
function comment(text: string): string {
  return text.replaceAll("*/", "* /").replaceAll(/[\r\n]+/g, " ");
}
