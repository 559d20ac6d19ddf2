import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runbookPage } from "./runbook-page.ts";

const read = (path: string) => readFile(join(import.meta.dirname, "../../..", path), "utf8");

test("every alert's link leads to its part of the page", async () => {
  const page = runbookPage(await read("docs/operations.md"));
  const rules = await read("deploy/observability/prometheus/rules.yml");
  const anchors = [...rules.matchAll(/runbook_url: \S+\/runbook#(\S+)/g)].map(([, anchor = ""]) => anchor);
  expect(anchors.length).toBeGreaterThan(10);
  expect(anchors.filter((anchor) => !page.includes(` id="${anchor}">`))).toEqual([]);
});

test("all of the runbook is shown, and each of its links leads somewhere", async () => {
  const markdown = await read("docs/operations.md");
  const page = runbookPage(markdown);
  const text = page.replaceAll(/<pre>.*?<\/pre>|<code>.*?<\/code>/gs, "");
  // Marks that were not understood.
  expect(text.match(/^(#+|-|\d+\.|\|) .*|\*\*|`|\]\(/gm)).toBeNull();
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id = ""]) => id);
  const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id = ""]) => id);
  expect(links.length).toBeGreaterThan(5);
  expect(links.filter((link) => !ids.includes(link))).toEqual([]);
  const words = (of: string) => of.match(/[a-z]{6,}/gi)?.length ?? 0;
  expect(words(page)).toBeGreaterThan(0.9 * words(markdown));
});

test("what the text holds is text", () => {
  const page = runbookPage("## A <b>\n\nsay `<script>` & go\n\n```sh\n<x>\n```\n");
  expect(page).toContain('<h2 id="a-b">A &lt;b&gt;</h2>\n<p>say <code>&lt;script&gt;</code> &amp; go</p>');
  expect(page).toContain("<pre>&lt;x&gt;\n</pre>");
});
