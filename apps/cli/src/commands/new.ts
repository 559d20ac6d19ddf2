import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, PenstockError } from "@penstock/core/errors";
import { exitCodes } from "@penstock/runtime/failure";
import { sortCredentials } from "../new-source/credentials.ts";
import { describeSource, type SourceDescription } from "../new-source/describe-source.ts";
import { renderSource } from "../new-source/render-source.ts";
import { fetchSample } from "../new-source/sample.ts";
import type { CommandContext } from "../program.ts";

export type NewOptions = { url: string; header: string[]; force?: boolean };

const namePattern = /^[a-z][a-z0-9_]*$/;

/** `penstock new`: writes a source file that reads an API as one response of it suggests. */
export async function createSource(
  { config, out, signal }: CommandContext,
  name: string,
  options: NewOptions,
): Promise<number> {
  const file = join(config.sourcesDir, `${name}.ts`);
  await checkName(name, file, options.force === true);
  const url = parseUrl(options.url);
  const credentials = sortCredentials(name, options.header, url);
  const sample = await advised(() => fetchSample(name, url, credentials, signal));
  const described = describeSource(name, url, credentials, sample);
  await mkdir(config.sourcesDir, { recursive: true });
  await writeFile(file, renderSource(described));
  out.write(describe(described, file));
  return exitCodes.ok;
}

async function checkName(name: string, file: string, isForced: boolean): Promise<void> {
  if (!namePattern.test(name)) {
    const message = `source name "${name}": expected a small letter, then small letters, digits and _`;
    throw new ConfigError("CONFIG_INVALID", message, {
      remedy: `try ${
        name
          .toLowerCase()
          .replaceAll(/[^a-z0-9]+/g, "_")
          .replace(/^[^a-z]+/, "") || "my_api"
      }`,
    });
  }
  if (isForced || !(await exists(file))) return;
  throw new ConfigError("CONFIG_INVALID", `${file} exists already`, {
    source: name,
    remedy: "choose another name, or overwrite it with --force",
  });
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "") return url;
  throw new ConfigError("CONFIG_INVALID", "--url: expected an http(s) URL without user and password", {
    remedy: "give the address that lists the records, and credentials with --header",
  });
}

/** There is no source file yet: what would be changed in it is an option of the command. */
async function advised<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PenstockError) || error.code !== "UNAUTHORIZED") throw error;
    const remedy = "send what it asks for: --header 'Authorization: Bearer …', or --header 'X-Api-Key: …'";
    throw new ConfigError("SAMPLE_UNUSABLE", error.message, { ...error.details, remedy, cause: error });
  }
}

function describe({ name, stream, records, key, paginator, credentials }: SourceDescription, file: string): string {
  const variables = credentials.secrets.map(({ variable }) => variable);
  const secrets =
    variables.length === 0
      ? ""
      : `  credentials are not in the file; put into .env: ${variables.map((variable) => `${variable}=…`).join("  ")}\n`;
  return (
    `${file}: stream ${stream}, from ${records} records; key ${key.join(", ")}; ${paginator.reason}\n${secrets}` +
    `  next: penstock check ${name}, penstock preview ${name}.${stream}, penstock run ${name}\n`
  );
}
