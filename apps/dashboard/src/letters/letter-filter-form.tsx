import type { FormEvent } from "react";
import { Link, useLocation } from "wouter";
import { Field } from "../elements/field.tsx";
import { type LetterFilter, lettersHref, statuses } from "./letter-filter.ts";

/** Narrows the list down by status and text; what a group chose stays. */
export function LetterFilterForm({ filter }: { filter: LetterFilter }) {
  const [, go] = useLocation();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const status = statuses.find((one) => one === form.get("status")) ?? "open";
    const { text: _, ...rest } = filter;
    const text = String(form.get("text") ?? "").trim();
    go(lettersHref({ ...rest, status, ...(text !== "" && { text }) }));
  };
  const { status, text, ...chosen } = filter;
  const words = Object.entries(chosen).map(([name, value]) => `${name} ${value}`);
  return (
    <form className="filter" onSubmit={submit}>
      <Field name="Status">
        <select name="status" defaultValue={status}>
          {statuses.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </Field>
      <Field name="Text" hint="In the message, key or payload.">
        <input name="text" defaultValue={text ?? ""} />
      </Field>
      <div className="actions">
        <button type="submit" className="primary">
          Show
        </button>
      </div>
      {words.length > 0 && (
        <p className="filter-chosen">
          Only of {words.join(", ")}. <Link href={lettersHref({ status })}>Show all</Link>
        </p>
      )}
    </form>
  );
}
