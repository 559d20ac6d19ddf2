import { type FormEvent, type ReactNode, useState } from "react";
import { ProblemNote } from "./answer.tsx";
import { Dialog } from "./dialog.tsx";
import { Field } from "./field.tsx";

type Props = {
  title: string;
  /** What will happen. */
  children: ReactNode;
  /** What the button says. */
  verb: string;
  onConfirm: (reason: string | undefined) => void;
  onClose: () => void;
  isBusy: boolean;
  error: unknown;
};

/** Asks before something is done, and why; the reason goes into the audit log. */
export function AskReason({ title, children, verb, onConfirm, onClose, isBusy, error }: Props) {
  const [reason, setReason] = useState("");
  const confirm = (event: FormEvent) => {
    event.preventDefault();
    onConfirm(reason.trim() === "" ? undefined : reason.trim());
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={confirm} className="stack">
        <div>{children}</div>
        <Field name="Reason" hint="For the audit log; may be left out.">
          <input value={reason} maxLength={1_000} onChange={({ target }) => setReason(target.value)} />
        </Field>
        {error !== null && <ProblemNote error={error} />}
        <div className="actions end">
          <button type="button" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" className="primary" disabled={isBusy}>
            {verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
