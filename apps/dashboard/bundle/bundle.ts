import { execFile } from "node:child_process";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { ConfigError } from "@penstock/core/errors";
import { inputsHash } from "./inputs-hash.ts";

const workspace = join(import.meta.dirname, "..");

/** Which inputs a bundle was made of: its name cannot be mistaken for one of the files that are served. */
const hashFile = ".inputs";

/**
 * The folder of the built page: `index.html`, and under `assets/` files whose names change with their content. Builds it where it
 * is missing or made of something else than what is there now, which takes a few seconds; else it is a matter of milliseconds.
 *
 * @throws ConfigError when it has to be built and cannot be
 */
export async function builtPage(root = workspace): Promise<string> {
  const dist = join(root, "dist");
  const hash = await inputsHash(root);
  if ((await madeOf(dist)) !== hash) await build(root, dist, hash);
  return dist;
}

async function madeOf(dist: string): Promise<string | undefined> {
  return await readFile(join(dist, hashFile), "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw cause;
  });
}

/** Beside the one that is there, and then in its place: another process may be serving that, or building too. */
async function build(root: string, dist: string, hash: string): Promise<void> {
  const made = await mkdtemp(join(root, ".dist-"));
  try {
    await runVite(root, made);
    await writeFile(join(made, hashFile), hash);
    await rm(dist, { recursive: true, force: true });
    await rename(made, dist);
  } catch (cause) {
    if ((await madeOf(dist)) === hash) return;
    throw new ConfigError("CONFIG_INVALID", "the dashboard could not be built", {
      cause,
      remedy: "`npm run build -w @penstock/dashboard` says why.",
    });
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

/** In a process of its own, which takes its memory with it. */
async function runVite(root: string, outDir: string): Promise<void> {
  const manifest = createRequire(import.meta.url).resolve("vite/package.json");
  const vite = join(dirname(manifest), "bin/vite.js");
  await promisify(execFile)(process.execPath, [vite, "build", root, "--outDir", outDir, "--logLevel", "warn"], {
    cwd: root,
    // As it is meant to be served, whatever the process that asks for it is: React has another form for development.
    env: { NODE_ENV: "production" },
  });
}
