import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";

/** What the bundle is made of, relative to this workspace. */
const inputs = ["../../packages/api-contract/src", "src", "public", "index.html", "vite.config.ts", "package.json"];

/** Hash of all that the bundle is made of. Tests are none of it, and are not there in an image. */
export async function inputsHash(root: string): Promise<string> {
  const paths = (await Promise.all(inputs.map((input) => filesAt(join(root, input))))).flat().toSorted();
  const contents = await Promise.all(paths.map((path) => readFile(path)));
  const hash = createHash("sha256");
  for (const [index, path] of paths.entries()) {
    hash.update(`${relative(root, path)}\0`).update(contents[index] ?? "");
  }
  return hash.digest("hex");
}

async function filesAt(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true, recursive: true }).catch(
    (cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOTDIR") return null;
      throw cause;
    },
  );
  if (entries === null) return [path];
  return entries
    .filter((entry) => entry.isFile() && !entry.name.includes(".test."))
    .map((entry) => join(entry.parentPath, entry.name));
}
