import { exitCodes } from "@penstock/runtime/failure";
import { loadUsableSources } from "@penstock/runtime/usable-sources";
import { openAsking } from "../probe/asking.ts";
import { checkStream } from "../probe/check-stream.ts";
import type { Finding, Outcome } from "../probe/judge-page.ts";
import type { CommandContext } from "../program.ts";
import { resolveTarget } from "../target.ts";

/**
 * `penstock check`: asks each stream of a source for its first two pages and compares them with its definition. Opens no
 * queue, and the database only for OAuth tokens. 1 when something is not as defined.
 */
export async function check(
  { config, out, signal }: CommandContext,
  name: string,
  options: { json?: boolean },
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  let exitCode: number = exitCodes.ok;
  for (const { source, stream } of resolveTarget(await loadUsableSources(config), name)) {
    const findings = await checkStream(source, stream, await openAsking(config, source, { signal, stack }));
    if (findings.some(({ outcome }) => outcome === "failed")) exitCode = exitCodes.failed;
    const place = { source: source.name, stream: stream.name };
    out.write(options.json === true ? `${JSON.stringify({ ...place, findings })}\n` : describe(place, findings));
  }
  return exitCode;
}

const signs: Record<Outcome, string> = { ok: "✔", failed: "✘", warning: "!", unknown: "?" };

function describe({ source, stream }: { source: string; stream: string }, findings: Finding[]): string {
  const lines = findings.map(({ check, outcome, detail, remedy }) => {
    const advice = remedy === undefined ? "" : `\n      what to do: ${remedy}`;
    return `  ${signs[outcome]} ${check}${detail === "" ? "" : `: ${detail}`}${advice}`;
  });
  return `${source}.${stream}\n${lines.join("\n")}\n`;
}
