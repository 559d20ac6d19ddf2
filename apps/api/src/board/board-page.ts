import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Board } from "./collect-board.ts";

/**
 * Bull Board's page, filled in. Fonts from elsewhere are left out, and so is what it shows until its script runs: that has styles
 * in the page itself, which its policy does not allow.
 */
export async function boardPage(board: Board, basePath: string): Promise<string> {
  const { name, params } = board.entry.handler({ basePath, uiConfig: board.uiConfig });
  const template = await readFile(join(board.viewsPath, name), "utf8");
  return template
    .replaceAll(/<link[^>]+href="https?:[^>]*>/g, "")
    .replace(/(<div id="root">).*(<\/div>)(?=\s*<script)/s, "$1$2")
    .replaceAll(/<%[=-] (\w+) %>/g, (_, field: string) => params[field] ?? "");
}
