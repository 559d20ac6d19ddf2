import { execFile } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "../../..");

/**
 * Writes files to `dir/sources`, as they would lie in a checkout: they find the packages, and the compiler's settings are
 * the repository's. Returns that folder.
 */
export async function writeSources(dir: string, files: Record<string, string>): Promise<string> {
  const sources = join(dir, "sources");
  await mkdir(sources);
  await symlink(join(root, "node_modules"), join(dir, "node_modules"));
  await writeFile(join(dir, "package.json"), JSON.stringify({ type: "module" }));
  await writeFile(
    join(dir, "tsconfig.json"),
    JSON.stringify({ extends: join(root, "tsconfig.json"), include: ["sources/*.ts"] }),
  );
  for (const [name, text] of Object.entries(files)) await writeFile(join(sources, name), text);
  return sources;
}

/** Runs the formatter as a check; rejects with what it would change. */
export async function checkFormat(dir: string): Promise<void> {
  const biome = join(root, "node_modules/@biomejs/biome/bin/biome");
  const args = [biome, "format", "--config-path", root, "--vcs-enabled=false", "."];
  await promisify(execFile)(process.execPath, args, { cwd: dir });
}

/** What the compiler has to say about the folder; empty when all is well. */
export async function typeCheck(dir: string): Promise<string> {
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  try {
    return (await promisify(execFile)(process.execPath, [compiler, "-p", dir])).stdout;
  } catch (error) {
    if (error instanceof Error && "stdout" in error && error.stdout !== "") return String(error.stdout);
    throw error;
  }
}
