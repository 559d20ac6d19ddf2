import { html } from "./docs-page.ts";

/** The runbook as a page, each heading under the anchor that GitHub gives it: alerts link to these. */
export function runbookPage(markdown: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Penstock operations</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/docs/style.css"></head><body><main>
${bodyOf(markdown)}</main></body></html>`;
}

/** As much of Markdown as the runbook uses: headings, paragraphs, lists, tables and code. */
function bodyOf(markdown: string): string {
  // With the fences' contents at every other place.
  const parts = markdown.split(/^```.*\n([\s\S]*?)^```$/m);
  return parts.map((part, i) => (i % 2 === 1 ? `<pre>${html(part)}</pre>` : proseOf(part))).join("\n");
}

function proseOf(text: string): string {
  return text
    .split(/\n{2,}/)
    .map((block) => block.trim())
    .filter((block) => block !== "")
    .map(blockOf)
    .join("\n");
}

function blockOf(block: string): string {
  const [, signs, heading] = /^(#{1,4}) (.*)$/.exec(block) ?? [];
  if (signs !== undefined && heading !== undefined)
    return `<h${signs.length} id="${anchorOf(heading)}">${inline(heading)}</h${signs.length}>`;
  if (block.startsWith("|")) return `<table>${block.split("\n").map(rowOf).join("")}</table>`;
  if (block.startsWith("- ")) return `<ul>${itemsOf(block, /^- /m)}</ul>`;
  if (block.startsWith("1. ")) return `<ol>${itemsOf(block, /^\d+\. /m)}</ol>`;
  return `<p>${inline(block)}</p>`;
}

function itemsOf(block: string, mark: RegExp): string {
  const items = block.split(mark).filter((item) => item !== "");
  return items.map((item) => `<li>${inline(item)}</li>`).join("");
}

function rowOf(line: string): string {
  if (line.startsWith("| ---")) return "";
  const cells = line.replace(/^\| ?| ?\|$/g, "").split(" | ");
  return `<tr>${cells.map((cell) => `<td>${inline(cell)}</td>`).join("")}</tr>`;
}

/** Links within the page and to the web lead there; those to other pages of the documentation, which are not served, are words. */
function inline(text: string): string {
  return html(text)
    .replaceAll(/\[([^\]]+)\]\(([^)\s]+)\)/g, (_, label: string, target: string) =>
      /^(#|https?:)/.test(target) ? `<a href="${target}">${label}</a>` : label,
    )
    .replaceAll(/`([^`]+)`/g, "<code>$1</code>")
    .replaceAll(/\*\*([^*]+)\*\*/g, "<b>$1</b>");
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_\- ]/gu, "")
    .replaceAll(" ", "-");
}
