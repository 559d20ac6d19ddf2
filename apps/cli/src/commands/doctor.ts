import { exitCodes } from "@penstock/runtime/failure";
import { diagnose, type Finding } from "../doctor/diagnose.ts";
import { gatherFacts } from "../doctor/gather.ts";
import type { Host } from "../program.ts";

/** `penstock doctor`: looks at a whole installation and says what to do. Reads, and writes nothing. */
export async function doctor(
  { env, cwd, out }: Pick<Host, "env" | "cwd" | "out">,
  options: { json?: boolean },
  node = process.versions.node,
): Promise<number> {
  const findings = diagnose(await gatherFacts({ env, cwd, node }));
  const problems = findings.filter(({ severity }) => severity === "problem").length;
  out.write(options.json === true ? `${JSON.stringify({ isHealthy: problems === 0, findings })}\n` : format(findings));
  return problems === 0 ? exitCodes.ok : exitCodes.failed;
}

const marks = { ok: "ok      ", warning: "warning ", problem: "PROBLEM " } as const;

function format(findings: Finding[]): string {
  const lines = findings.flatMap(({ check, severity, found, remedy }) => [
    `${marks[severity]} ${check}: ${found}`,
    ...(remedy === null ? [] : [`          what to do: ${remedy}`]),
  ]);
  return `${lines.join("\n")}\n`;
}
