import { type FormEvent, useState } from "react";
import { useAction, useOperation } from "../client/use-operation.ts";
import { ProblemNote } from "../elements/answer.tsx";
import { Dialog } from "../elements/dialog.tsx";
import { Field } from "../elements/field.tsx";

type Props = { source: string; stream: string; onClose: () => void };

export function StartBackfill({ source, stream, onClose }: Props) {
  const streams = useOperation("listStreams", {}).data?.items ?? [];
  const start = useAction("startBackfill");
  const [name, setName] = useState(source === "" ? "" : `${source}.${stream}`);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [ofSource = "", ofStream = ""] = name.split(".");
    start.mutate({ body: bodyOf(form, ofSource, ofStream) }, { onSuccess: onClose });
  };
  return (
    <Dialog title="New backfill" onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <Field name="Stream">
          <select required value={name} onChange={({ target }) => setName(target.value)}>
            <option value="">Choose one</option>
            {streams.map((one) => (
              <option key={`${one.source}.${one.stream}`}>{`${one.source}.${one.stream}`}</option>
            ))}
          </select>
        </Field>
        <div className="row">
          <Field name="From">
            <input type="datetime-local" name="from" required />
          </Field>
          <Field name="Until">
            <input type="datetime-local" name="to" required />
          </Field>
        </div>
        <div className="row">
          <Field name="Window" hint="As 6h, 1d or 1w.">
            <input name="partition" defaultValue="1d" required pattern="\d{1,4}(ms|s|m|h|d|w)" />
          </Field>
          <Field name="At once" hint="Windows, 1 to 64.">
            <input type="number" name="parallel" min={1} max={64} defaultValue={4} required />
          </Field>
        </div>
        <Field name="Reason" hint="For the audit log; may be left out.">
          <input name="reason" maxLength={1_000} />
        </Field>
        {start.isError && <ProblemNote error={start.error} />}
        <div className="actions end">
          <button type="button" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" className="primary" disabled={start.isPending}>
            Start
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function bodyOf(form: FormData, source: string, stream: string) {
  const text = (name: string) => String(form.get(name) ?? "");
  const reason = text("reason").trim();
  return {
    source,
    stream,
    from: new Date(text("from")).toISOString(),
    to: new Date(text("to")).toISOString(),
    partition: text("partition"),
    parallel: Number(text("parallel")),
    ...(reason !== "" && { reason }),
  };
}
