import { type FormEvent, useEffect, useState } from "react";
import type { Letter } from "../client/models.ts";
import { useAction } from "../client/use-operation.ts";
import { Loading, ProblemNote } from "../elements/answer.tsx";
import { Dialog } from "../elements/dialog.tsx";
import { Field } from "../elements/field.tsx";
import { formatCount, formatMany } from "../format/number.ts";
import { bodyFor, countOf } from "./confirmed-choice.ts";
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
  const [reason, setReason] = useState("");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the preview is of the moment the question was asked
  useEffect(() => mutate({ body: { ...choice, dryRun: true } }), []);
  const { title, verb: word, explanation, done } = words[verb];
  const matched = preview.data?.matched ?? 0;
  const confirm = (event: FormEvent) => {
    event.preventDefault();
    const onSuccess = (result: { done: number }) => onDone(`${formatMany(result.done, "letter")} ${done}.`);
    action.mutate({ body: bodyFor(choice, matched, reason) }, { onSuccess });
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={confirm} className="stack">
        <p>{explanation}</p>
        {preview.isPending && <Loading />}
        {preview.isError && <ProblemNote error={preview.error} />}
        {preview.data !== undefined && <Matched matched={matched} letters={preview.data.letters} />}
        <Field name="Reason" hint="For the audit log; may be left out.">
          <input value={reason} maxLength={1_000} onChange={({ target }) => setReason(target.value)} />
        </Field>
        {action.isError && <ProblemNote error={action.error} />}
        <div className="actions end">
          <button type="button" onClick={onClose}>
            Leave them
          </button>
          <button
            type="submit"
            className={verb === "discard" ? "danger" : "primary"}
            disabled={action.isPending || matched === 0}
          >
            {word} {preview.data === undefined ? "" : formatMany(countOf(matched), "letter")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Matched({ matched, letters }: { matched: number; letters: Letter[] }) {
  const shown = letters.slice(0, shownLetters);
  return (
    <>
      <p>
        <strong>{formatMany(matched, "letter")}</strong>
        {countOf(matched) < matched && `, of which the oldest ${formatCount(countOf(matched))} are taken at once`}
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
