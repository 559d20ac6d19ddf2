import { useOperation } from "../client/use-operation.ts";
import { Answer, Empty } from "../elements/answer.tsx";
import { JsonView } from "../elements/json-view.tsx";
import { Instant, Moment } from "../elements/moment.tsx";
import { Panel, Scrolling } from "../elements/panel.tsx";
import { formatCount } from "../format/number.ts";
import type { TabProps } from "./stream-page.tsx";

/** What the stream's records look like, how that changed, and what arrived otherwise. */
export function SchemaTab({ stream }: TabProps) {
  return (
    <>
      <DriftPanel stream={stream} />
      <ColumnsPanel stream={stream} />
      <VersionsPanel stream={stream} />
    </>
  );
}

function DriftPanel({ stream: { source, stream } }: TabProps) {
  const drift = useOperation("listDrift", { query: { source, stream } });
  return (
    <Panel title="Drift">
      <Answer of={drift}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="The API sends what the schema says." />
          ) : (
            <Scrolling label="Drift">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Field</th>
                    <th scope="col">What</th>
                    <th scope="col">Expected</th>
                    <th scope="col">Received</th>
                    <th scope="col">Leads to</th>
                    <th scope="col" className="number">
                      Records
                    </th>
                    <th scope="col">Last seen</th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((item) => (
                    <tr key={`${item.path} ${item.kind} ${item.received}`}>
                      <td>
                        <code>{item.path}</code>
                      </td>
                      <td>{item.kind}</td>
                      <td>{item.expected ?? "–"}</td>
                      <td>{item.received ?? "–"}</td>
                      <td>{item.action}</td>
                      <td className="number">{formatCount(item.records)}</td>
                      <td>
                        <Moment at={item.lastSeenAt} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scrolling>
          )
        }
      </Answer>
    </Panel>
  );
}

function ColumnsPanel({ stream: { columns, view, key } }: TabProps) {
  return (
    <Panel title="Columns">
      <p className="quiet">
        In SQL: <code>select * from {view}</code>. A record is identified by <code>{key.join(", ")}</code>.
      </p>
      <Scrolling label="Columns">
        <table>
          <thead>
            <tr>
              <th scope="col">Column</th>
              <th scope="col">Type</th>
            </tr>
          </thead>
          <tbody>
            {columns.map(({ name, type }) => (
              <tr key={name}>
                <td>
                  <code>{name}</code>
                </td>
                <td>{type}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scrolling>
    </Panel>
  );
}

function VersionsPanel({ stream: { source, stream } }: TabProps) {
  const versions = useOperation("listSchemas", { query: { source, stream } });
  return (
    <Panel title="Versions of the schema">
      <Answer of={versions}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="None yet.">The first run notes it.</Empty>
          ) : (
            items.map(({ fingerprint, firstSeenAt, jsonSchema }, index) => (
              <details key={fingerprint} open={index === 0}>
                <summary>
                  <code>{fingerprint.slice(0, 12)}</code> since <Instant at={firstSeenAt} />
                </summary>
                <JsonView label={`Schema ${fingerprint}`} value={jsonSchema} />
              </details>
            ))
          )
        }
      </Answer>
    </Panel>
  );
}
