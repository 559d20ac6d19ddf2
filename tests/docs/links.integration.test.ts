import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { anchors, type Page, readPages, root } from "./markdown.ts";

/** Targets of the page's links, those of the web left out. */
function localLinks({ text }: Page): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, "").replaceAll(/`[^`\n]*`/g, "");
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  return targets.filter((target) => !/^https?:/.test(target));
}

/** What is wrong with a link, or nothing. */
function problem(pages: Page[], page: Page, link: string): string | undefined {
  const [file = "", anchor] = link.split("#");
  const path = file === "" ? page.path : normalize(join(dirname(page.path), file));
  if (!existsSync(join(root, path))) return `${page.path}: ${link}: no such file`;
  const target = pages.find((other) => other.path === path);
  if (anchor !== undefined && !(target && anchors(target).includes(anchor)))
    return `${page.path}: ${link}: no such heading`;
  return undefined;
}

test("every link between the pages, and into the code, leads somewhere", async () => {
  const pages = await readPages();
  const links = pages.flatMap((page) => localLinks(page).map((link) => ({ page, link })));
  expect(links.length).toBeGreaterThan(30);
  expect(links.flatMap(({ page, link }) => problem(pages, page, link) ?? [])).toEqual([]);
});

test("every page can be reached from the README", async () => {
  const pages = await readPages();
  const reached = new Set(["README.md"]);
  for (const path of reached) {
    const page = pages.find((other) => other.path === path);
    if (page === undefined) continue;
    for (const link of localLinks(page)) reached.add(normalize(join(dirname(path), link.split("#")[0] ?? "")));
  }
  expect(pages.map(({ path }) => path).filter((path) => !reached.has(path))).toEqual([]);
});
