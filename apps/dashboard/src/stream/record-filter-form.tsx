import type { FormEvent } from "react";
import type { StreamDetail } from "../client/models.ts";
import { Field } from "../elements/field.tsx";
import { comparisons, type RecordFilter } from "./record-filter.ts";

type Props = { stream: StreamDetail; filter: RecordFilter; onChange: (fields: Record<string, string>) => void };

/** Which records to show. The inputs hold what the address says; sending the form changes the address. */
export function RecordFilterForm({ stream, filter, onChange }: Props) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = [...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value)]);
    onChange(Object.fromEntries(fields));
  };
  const hasTimes = stream.eventTime !== null;
  return (
    <form className="filter" onSubmit={submit}>
      <Field name="Key">
        <input name="key" defaultValue={filter.key} />
      </Field>
      <ConditionFields stream={stream} filter={filter} />
      {hasTimes && (
        <>
          <Field name="From">
            <input type="datetime-local" name="from" defaultValue={filter.from} />
          </Field>
          <Field name="Until">
            <input type="datetime-local" name="to" defaultValue={filter.to} />
          </Field>
        </>
      )}
      <Field name="Order">
        <select name="order" defaultValue={filter.order}>
          <option value="key">by key</option>
          {hasTimes && <option value="-ts">newest first</option>}
          {hasTimes && <option value="ts">oldest first</option>}
        </select>
      </Field>
      <label className="check">
        <input type="checkbox" name="deleted" value="true" defaultChecked={filter.deleted} />
        Deleted ones
      </label>
      <div className="actions">
        <button type="submit" className="primary">
          Show
        </button>
        <button type="button" onClick={() => onChange({})}>
          Clear
        </button>
      </div>
    </form>
  );
}

function ConditionFields({ stream, filter }: Pick<Props, "stream" | "filter">) {
  return (
    <>
      <Field name="Field">
        <input name="field" list="fields" defaultValue={filter.field} />
      </Field>
      <datalist id="fields">
        {stream.columns.map(({ name }) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <Field name="Compared">
        <select name="comparison" defaultValue={filter.comparison}>
          {comparisons.map(([name, sign]) => (
            <option key={name} value={name}>
              {sign}
            </option>
          ))}
        </select>
      </Field>
      <Field name="Value">
        <input name="value" defaultValue={filter.value} />
      </Field>
    </>
  );
}
