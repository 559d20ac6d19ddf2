import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codeBlocks, readPage, root, section } from "./markdown.ts";

async function mappedPaths(): Promise<string[]> {
  const [map = ""] = codeBlocks(section(await readPage("README.md"), "Map of the repository"), "text");
  return map
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "");
}

/** Folders of the repository at the top; below apps/ and packages/, those instead. What git ignores is none. */
async function folders(): Promise<string[]> {
  const ignored = (await readFile(join(root, ".gitignore"), "utf8"))
    .split("\n")
    .map((line) => line.replace(/^\/|\/$/g, ""));
  const top = (await foldersIn(".")).filter((name) => name !== ".git" && !ignored.includes(name));
  const nested = await Promise.all(
    top.map(async (name) =>
      ["apps", "packages"].includes(name) ? (await foldersIn(name)).map((below) => `${name}/${below}`) : [name],
    ),
  );
  return nested.flat();
}

async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(join(root, path), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

test("what the README's map names exists", async () => {
  const paths = await mappedPaths();
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test("the README's map names every folder, apps and packages one by one", async () => {
  const paths = await mappedPaths();
  expect(paths.filter((path) => path !== "penstock").toSorted()).toEqual((await folders()).toSorted());
});
