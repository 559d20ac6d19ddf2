import { useState } from "react";
import type { AuditEntry } from "../client/models.ts";
import { useOperation } from "../client/use-operation.ts";
import { Answer, Empty } from "../elements/answer.tsx";
import { Instant } from "../elements/moment.tsx";
import { Pager } from "../elements/pager.tsx";
import { Panel, Scrolling } from "../elements/panel.tsx";

/** Who did what, for who administers. */
export function AuditPage() {
  const [cursors, setCursors] = useState<string[]>([]);
  const after = cursors.at(-1);
  const entries = useOperation("listAudit", { query: { limit: "100", ...(after !== undefined && { after }) } });
  return (
    <>
      <title>Audit · Penstock</title>
      <h1>Audit</h1>
      <Panel title="Who did what, newest first">
        <Answer of={entries}>
          {({ items, next }) => (
            <>
              {items.length === 0 ? <Empty title="Nothing was done yet." /> : <AuditTable items={items} />}
              <Pager cursors={cursors} next={next} onChange={setCursors} />
            </>
          )}
        </Answer>
      </Panel>
    </>
  );
}

function AuditTable({ items }: { items: AuditEntry[] }) {
  return (
    <Scrolling label="Audit log">
      <table>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Who</th>
            <th scope="col">What</th>
            <th scope="col">Of</th>
            <th scope="col">Details</th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody>
          {items.map(({ id, at, actor, action, target, details, reason }) => (
            <tr key={id}>
              <td>
                <Instant at={at} />
              </td>
              <td>{actor}</td>
              <td>{action}</td>
              <td className="break">{target}</td>
              <td className="break">{detailsText(details) || <span className="quiet">–</span>}</td>
              <td>{reason ?? <span className="quiet">–</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolling>
  );
}

/** What it was and became, how many: `mode full, run 26bad126`. */
function detailsText(details: AuditEntry["details"]): string {
  const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  return Object.entries(details)
    .map(([name, value]) => `${name} ${text(value)}`)
    .join(", ");
}
