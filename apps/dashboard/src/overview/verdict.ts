import type { Health } from "../client/models.ts";
import { formatCount, formatMany } from "../format/number.ts";

/** From what needs somebody most to what needs nobody. */
const byUrgency: readonly Health[] = ["failing", "late", "paused", "never-run", "running", "ok"];

type Judged = { source: string; stream: string; health: Health; openLetters: number };
export type Verdict = { tone: "good" | "warn" | "bad" | "still"; title: string; detail: string };

/** The answer to "is it working?", in one sentence and what there is to add. */
export function verdictOn(streams: readonly Judged[]): Verdict {
  const withHealth = (health: Health) => streams.filter((stream) => stream.health === health).length;
  const failing = withHealth("failing");
  const late = withHealth("late");
  const detail = detailOf(streams, withHealth);
  if (streams.length === 0) return { tone: "still", title: "There are no streams yet", detail: "" };
  if (failing > 0) return { tone: "bad", title: sentence(failing, streams.length, "failing"), detail };
  if (late > 0) return { tone: "warn", title: sentence(late, streams.length, "late"), detail };
  if (withHealth("ok") + withHealth("running") === 0) return { tone: "still", title: standstill(withHealth), detail };
  return { tone: "good", title: "Everything is working", detail };
}

function sentence(count: number, all: number, word: string): string {
  return `${formatCount(count)} of ${formatMany(all, "stream")} ${count === 1 ? "is" : "are"} ${word}`;
}

/** Nothing is wrong, and nothing happens either. */
function standstill(withHealth: (health: Health) => number): string {
  if (withHealth("never-run") === 0) return "Everything is paused";
  return withHealth("paused") === 0 ? "Nothing has run yet" : "Nothing is running";
}

function detailOf(streams: readonly Judged[], withHealth: (health: Health) => number): string {
  const letters = streams.reduce((sum, { openLetters }) => sum + openLetters, 0);
  const parts: [count: number, text: string][] = [
    // What the title says already is not said again.
    [withHealth("failing") > 0 ? withHealth("late") : 0, "late"],
    [withHealth("ok") + withHealth("running"), "on time"],
    [withHealth("running"), "running now"],
    [withHealth("paused"), "paused"],
    [withHealth("never-run"), "not run yet"],
  ];
  const told = parts.filter(([count]) => count > 0).map(([count, text]) => `${formatCount(count)} ${text}`);
  if (letters > 0) told.push(formatMany(letters, "open dead letter"));
  return told.join(" · ");
}

/** What needs somebody first; else by name. */
export function inOrderOfUrgency<T extends Judged>(streams: readonly T[]): T[] {
  const rank = ({ health }: Judged) => byUrgency.indexOf(health);
  const name = ({ source, stream }: Judged) => `${source}.${stream}`;
  return streams.toSorted((a, b) => rank(a) - rank(b) || name(a).localeCompare(name(b)));
}
