import type { StoredRecord, StreamDetail } from "../client/models.ts";
import type { JsonLike } from "../elements/json-lines.ts";
import { Instant } from "../elements/moment.tsx";
import { Scrolling } from "../elements/panel.tsx";

/** More columns than this are no help; the rest is in the record itself. */
const maxColumns = 7;

type Props = { stream: StreamDetail; records: StoredRecord[]; onShow: (key: string) => void };

export function RecordTable({ stream, records, onShow }: Props) {
  const present = new Set(records.flatMap(({ data }) => Object.keys(data)));
  const fields = stream.columns.map(({ name }) => name).filter((name) => present.has(name));
  const columns = (fields.length > 0 ? fields : [...present]).slice(0, maxColumns);
  return (
    <Scrolling label="Records">
      <table>
        <thead>
          <tr>
            <th scope="col">Key</th>
            {stream.eventTime !== null && <th scope="col">Event time</th>}
            {columns.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {records.map((record) => (
            <tr key={record.key}>
              <td>
                <button type="button" className="link" onClick={() => onShow(record.key)}>
                  {record.key}
                </button>
              </td>
              {stream.eventTime !== null && (
                <td>
                  <Instant at={record.ts} />
                </td>
              )}
              {columns.map((name) => (
                <Value key={name} value={record.data[name]} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolling>
  );
}

function Value({ value }: { value: JsonLike | undefined }) {
  if (value === undefined || value === null) return <td className="quiet">–</td>;
  if (typeof value === "number") return <td className="number">{String(value)}</td>;
  return <td className="clipped">{typeof value === "object" ? JSON.stringify(value) : String(value)}</td>;
}
