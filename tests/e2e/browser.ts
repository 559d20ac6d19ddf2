import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { findChromium } from "@penstock/testing/chromium";
import { type Browser, chromium, type Page } from "playwright-core";
import { expect } from "vitest";

/** Where the pictures of all pages are after a run; git ignores it. */
export const screenshots = join(import.meta.dirname, "screenshots");

const axe = await readFile(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8");

/** The machine's own Chromium, with nothing downloaded. Its sandbox needs what a container does not allow, and our pages not. */
export async function launchChromium(): Promise<Browser> {
  await mkdir(screenshots, { recursive: true });
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("no Chromium on the PATH");
  return await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/** What went wrong in a page, as it would be told in the browser's console, and what it asked of other hosts. */
export function watch(page: Page, origin: string): { problems: string[]; strangers: string[] } {
  const seen = { problems: [] as string[], strangers: [] as string[] };
  page.on("pageerror", ({ message }) => seen.problems.push(message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") seen.problems.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${origin}/`)) seen.strangers.push(request.url());
  });
  return seen;
}

/** Fails when axe finds something serious by the rules of WCAG 2.2 AA, in the light and in the dark page. */
export async function expectAccessible(page: Page, name: string): Promise<void> {
  await page.evaluate(axe);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    // Only the colours differ.
    const rules =
      colorScheme === "light" ? ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] : ["color-contrast"];
    const found = await page.evaluate<Violation[]>(
      `axe.run({ runOnly: ${JSON.stringify(rules)}, resultTypes: ["violations"] }).then(({ violations }) => violations)`,
    );
    const serious = found.filter(({ impact }) => impact === "serious" || impact === "critical");
    expect(serious.map(told), `${name}, ${colorScheme}`).toEqual([]);
    await page.screenshot({ path: join(screenshots, `${name}-${colorScheme}.png`), fullPage: true });
  }
}

type Violation = { id: string; impact: string; nodes: { html: string; failureSummary: string }[] };

const told = ({ id, nodes }: Violation) => `${id}: ${nodes.map(({ html, failureSummary }) => html + failureSummary)}`;

/** Fails when a page is wider than a phone; what scrolls by itself is not. */
export async function expectFits(page: Page, name: string): Promise<void> {
  const width = await page.evaluate<number>("document.documentElement.scrollWidth");
  expect(width, `width of ${name}`).toBeLessThanOrEqual(page.viewportSize()?.width ?? 0);
  await page.screenshot({ path: join(screenshots, `${name}-phone.png`), fullPage: true });
}
