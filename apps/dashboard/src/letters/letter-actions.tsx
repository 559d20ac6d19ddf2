import type { RouteBody } from "@penstock/api-contract/routes";
import { useState } from "react";
import { ActionPreview, type LetterVerb } from "./action-preview.tsx";

export type Choice = RouteBody<"redriveLetters">;

type Props = {
  choice: Choice;
  /** The choice in a word, for the buttons. */
  which: string;
  onDone: () => void;
};

/** What can be done to many letters at once, tried dry first. */
export function LetterActions({ choice, which, onDone }: Props) {
  const [verb, setVerb] = useState<LetterVerb | null>(null);
  const [done, setDone] = useState<string | null>(null);
  // Everything there is, in all streams, is no choice: the API wants to be told which.
  if (Object.keys(choice).length === 0)
    return <span className="quiet">Choose a cause, or mark letters, to act on them.</span>;
  const finish = (text: string) => {
    setVerb(null);
    setDone(text);
    onDone();
  };
  return (
    <>
      {done !== null && (
        <span role="status" className="done">
          {done}
        </span>
      )}
      <button type="button" className="primary" onClick={() => setVerb("redrive")}>
        Redrive {which}…
      </button>
      <button type="button" onClick={() => setVerb("discard")}>
        Discard {which}…
      </button>
      {verb !== null && <ActionPreview verb={verb} choice={choice} onClose={() => setVerb(null)} onDone={finish} />}
    </>
  );
}
