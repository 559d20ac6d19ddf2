import { useEffect } from "react";
import type { Letter } from "../client/models.ts";
import { useAction } from "../client/use-operation.ts";
import { Loading, ProblemNote } from "../elements/answer.tsx";
import { Dialog } from "../elements/dialog.tsx";
import { formatMany } from "../format/number.ts";
import type { Choice } from "./letter-actions.tsx";

export type LetterVerb = "redrive" | "discard";

const words = {
  redrive: {
    title: "Redrive dead letters?",
    done: "put back",
    verb: "Redrive",
    explanation: "Each goes back to the stage it failed in. What fails again is the same letter, met once more.",
  },
  discard: {
    title: "Discard dead letters?",
    done: "discarded",
    verb: "Discard",
    explanation: "They are closed for good, and their records are not in the database. Their payload is kept.",
  },
} as const;

const shownLetters = 20;

type Props = { verb: LetterVerb; choice: Choice; onClose: () => void; onDone: (text: string) => void };

/** Says which letters an action is about, as the API would do it, before it is done. */
export function ActionPreview({ verb, choice, onClose, onDone }: Props) {
  const operation = verb === "redrive" ? "redriveLetters" : "discardLetters";
  const preview = useAction(operation);
  const action = useAction(operation);
  const { mutate } = preview;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the preview is of the moment the question was asked
  useEffect(() => mutate({ body: { ...choice, dryRun: true } }), []);
  const { title, verb: word, explanation, done } = words[verb];
  const confirm = () =>
    action.mutate({ body: choice }, { onSuccess: (result) => onDone(`${formatMany(result.done, "letter")} ${done}.`) });
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="stack">
        <p>{explanation}</p>
        {preview.isPending && <Loading />}
        {preview.isError && <ProblemNote error={preview.error} />}
        {preview.data !== undefined && <Matched matched={preview.data.matched} letters={preview.data.letters} />}
        {action.isError && <ProblemNote error={action.error} />}
        <div className="actions end">
          <button type="button" onClick={onClose}>
            Leave them
          </button>
          <button
            type="button"
            className={verb === "discard" ? "danger" : "primary"}
            disabled={action.isPending || preview.data === undefined || preview.data.matched === 0}
            onClick={confirm}
          >
            {word} {preview.data === undefined ? "" : formatMany(preview.data.matched, "letter")}
          </button>
        </div>
      </div>
    </Dialog>
  );
}

function Matched({ matched, letters }: { matched: number; letters: Letter[] }) {
  const shown = letters.slice(0, shownLetters);
  return (
    <>
      <p>
        <strong>{formatMany(matched, "letter")}</strong>
        {matched > shown.length && `, of which these are the first ${shown.length}`}:
      </p>
      <ul className="matched">
        {shown.map(({ id, key, kind, code, path }) => (
          <li key={id}>
            <span className="break">{key ?? `a ${kind} without key`}</span> <code>{code}</code>
            {path !== null && <code className="path"> {path}</code>}
          </li>
        ))}
      </ul>
    </>
  );
}
