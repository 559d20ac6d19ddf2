import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testDir } from "@penstock/testing/temp-dir";
import { expect, test } from "vitest";
import { beginEmpty } from "./empty-queue.ts";

/** Makes what can be told apart: how many were made before. */
function maker() {
  let made = 0;
  return async (folder: string) => {
    await mkdir(folder);
    await writeFile(join(folder, "which"), String(made++));
  };
}

const whichIn = (folder: string) => readFile(join(folder, "which"), "utf8");

test("is made once, and copied from then on; what is there stays as it is", async () => {
  const [dir, make] = [await testDir(), maker()];
  const modules = join(dir, "node_modules");
  await mkdir(modules);
  const [first, second] = [join(dir, "first"), join(dir, "second")];
  await beginEmpty(first, make, modules);
  await writeFile(join(first, "which"), "mine");
  await beginEmpty(second, make, modules);
  await beginEmpty(first, make, modules);
  expect([await whichIn(first), await whichIn(second)]).toEqual(["mine", "0"]);
  expect(await readdir(join(modules, ".cache/penstock"))).toEqual([
    expect.stringMatching(/^empty-queue-\d+\.\d+\.\d+-\d+\.\d+\.\d+$/),
  ]);
});

test("two that make it at once both have it, and one is kept", async () => {
  const [dir, make] = [await testDir(), maker()];
  const modules = join(dir, "node_modules");
  await mkdir(modules);
  const folders = ["a", "b", "c"].map((name) => join(dir, name));
  await Promise.all(folders.map((folder) => beginEmpty(folder, make, modules)));
  expect(new Set(await Promise.all(folders.map(whichIn))).size).toBe(1);
  expect(await readdir(join(modules, ".cache/penstock"))).toHaveLength(1);
});

test("what was half made or half copied when the process was killed is begun anew", async () => {
  const [dir, make] = [await testDir(), maker()];
  const modules = join(dir, "node_modules");
  await mkdir(modules);
  const fails = async (folder: string) => {
    await mkdir(folder);
    throw new Error("no room");
  };
  await expect(beginEmpty(join(dir, "queue"), fails, modules)).rejects.toThrow("no room");
  await mkdir(join(dir, "queue.new"));
  await writeFile(join(dir, "queue.new/half"), "");
  await beginEmpty(join(dir, "queue"), make, modules);
  expect(await readdir(join(dir, "queue"))).toEqual(["which"]);
  expect((await readdir(dir)).sort()).toEqual(["node_modules", "queue"]);
});

test("an installation that cannot be written leaves it to who opens the folder", async () => {
  const [dir, make] = [await testDir(), maker()];
  await beginEmpty(join(dir, "queue"), make, join(dir, "nowhere"));
  expect(await readdir(dir)).toEqual([]);
});
