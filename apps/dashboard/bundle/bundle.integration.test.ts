import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { builtPage } from "./bundle.ts";

const dist = await builtPage();
const html = await readFile(join(dist, "index.html"), "utf8");
/** What the browser is told to load before anything is shown. */
const firstLoad = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path ?? "");

test("the first load is at most 150 kB, gzipped", async () => {
  expect(firstLoad.some((path) => path.endsWith(".js"))).toBe(true);
  const files = await Promise.all(["/index.html", ...firstLoad].map((path) => readFile(join(dist, path))));
  const sizeBytes = files.reduce((sum, file) => sum + gzipSync(file).length, 0);
  expect(sizeBytes).toBeLessThan(150_000);
});

test("the page keeps to a strict content security policy: nothing inline, nothing of another host", () => {
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=|https?:/);
  expect(firstLoad).not.toEqual([]);
});

test("no file names another host to load something from", async () => {
  const assets = await readdir(join(dist, "assets"));
  const styles = await Promise.all(
    assets.filter((name) => name.endsWith(".css")).map((name) => readFile(join(dist, "assets", name), "utf8")),
  );
  expect(styles).not.toEqual([]);
  for (const style of styles) expect(style).not.toMatch(/@import|url\((?!["']?data:)/);
});

test("what is built of the same is not built again", async () => {
  const before = await stat(join(dist, "index.html"));
  await builtPage();
  expect((await stat(join(dist, "index.html"))).mtimeMs).toBe(before.mtimeMs);
});
