import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** A page of the documentation. `path` is relative to the repository, with slashes. */
export type Page = { path: string; text: string };

export const root = join(import.meta.dirname, "../..");

/** Every page: the Markdown files at the top and below docs/. */
export async function readPages(): Promise<Page[]> {
  const top = (await readdir(root)).filter((name) => name.endsWith(".md"));
  const below = (await readdir(join(root, "docs"), { recursive: true })).filter((name) => name.endsWith(".md"));
  return Promise.all([...top, ...below.map((name) => `docs/${name}`)].sort().map(readPage));
}

export async function readPage(path: string): Promise<Page> {
  return { path, text: await readFile(join(root, path), "utf8") };
}

/** Contents of the page's code blocks in one language, in their order. */
export function codeBlocks({ text }: Page, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(([, code = ""]) => code);
}

/** From a heading to the next one of its level or above. */
export function section({ path, text }: Page, heading: string): Page {
  const [start = ""] = new RegExp(`^#+ ${heading}$`, "m").exec(text) ?? [];
  if (start === "") throw new Error(`${path} has no heading "${heading}"`);
  const rest = text.slice(text.indexOf(`${start}\n`) + start.length);
  const next = new RegExp(`^#{1,${start.indexOf(" ")}} `, "m").exec(rest);
  return { path, text: rest.slice(0, next?.index) };
}

/** Rows of the page's tables, heads left out, as cells without the signs of code font. */
export function tableRows({ text }: Page): string[][] {
  const lines = text.split("\n");
  return lines
    .filter((line, i) => line.startsWith("| ") && !line.startsWith("| ---") && !lines[i + 1]?.startsWith("| ---"))
    .map((line) => line.slice(2, line.lastIndexOf("|") - 1).split(" | "))
    .map((cells) => cells.map((cell) => cell.trim().replace(/^`([^`]*)`$/, "$1")));
}

/** The anchors that GitHub gives to the page's headings. */
export function anchors({ text }: Page): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, "");
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, "")
      .replaceAll(" ", "-"),
  );
}
