import type { Health, Run } from "../client/models.ts";

type Tone = "good" | "busy" | "warn" | "bad" | "still";

/** A colour is never alone: each state has a sign and a word too. */
const healths: Record<Health, [tone: Tone, sign: string, word: string]> = {
  ok: ["good", "✓", "OK"],
  running: ["busy", "▶", "Running"],
  late: ["warn", "!", "Late"],
  failing: ["bad", "✕", "Failing"],
  paused: ["still", "Ⅱ", "Paused"],
  "never-run": ["still", "○", "Never run"],
};

const runs: Record<Run["status"], [tone: Tone, sign: string, word: string]> = {
  running: ["busy", "▶", "running"],
  succeeded: ["good", "✓", "succeeded"],
  incomplete: ["warn", "!", "incomplete"],
  failed: ["bad", "✕", "failed"],
  superseded: ["still", "»", "superseded"],
  cancelled: ["still", "–", "cancelled"],
};

export function Badge({ tone, sign, children }: { tone: Tone; sign: string; children: string }) {
  return (
    <span className={`badge ${tone}`}>
      <span aria-hidden="true">{sign}</span>
      {children}
    </span>
  );
}

export function HealthBadge({ health }: { health: Health }) {
  const [tone, sign, word] = healths[health];
  return (
    <Badge tone={tone} sign={sign}>
      {word}
    </Badge>
  );
}

export function RunBadge({ status }: { status: Run["status"] }) {
  const [tone, sign, word] = runs[status];
  return (
    <Badge tone={tone} sign={sign}>
      {word}
    </Badge>
  );
}

/** What a run's badge is in a row of small squares. */
export function runMark(status: Run["status"]): { tone: Tone; sign: string } {
  const [tone, sign] = runs[status];
  return { tone, sign };
}
