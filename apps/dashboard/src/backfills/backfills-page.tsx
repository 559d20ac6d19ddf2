import { useState } from "react";
import { useSearchParams } from "wouter";
import { useMay } from "../client/session.ts";
import { useOperation } from "../client/use-operation.ts";
import { Answer, Empty } from "../elements/answer.tsx";
import { Panel } from "../elements/panel.tsx";
import { BackfillCard } from "./backfill-card.tsx";
import { Deletions } from "./deletions.tsx";
import { StartBackfill } from "./start-backfill.tsx";

/** Spans of time that are fetched again, and deletions that wait for somebody. */
export function BackfillsPage() {
  const backfills = useOperation("listBackfills", {});
  const mayOperate = useMay("operate");
  const [search] = useSearchParams();
  const [isStarting, setIsStarting] = useState(mayOperate && search.has("stream"));
  const start = mayOperate && (
    <button type="button" className="primary" onClick={() => setIsStarting(true)}>
      New backfill…
    </button>
  );
  return (
    <>
      <title>Backfills · Penstock</title>
      <header className="page-header">
        <div>
          <h1>Backfills</h1>
          <p className="quiet">A span of time fetched again, in windows beside the live runs.</p>
        </div>
        <div className="actions">{start}</div>
      </header>
      <Deletions />
      <Panel title="Backfills, newest first">
        <Answer of={backfills}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="There was no backfill yet." />
            ) : (
              <ul className="cards">
                {items.map((backfill) => (
                  <BackfillCard key={backfill.id} backfill={backfill} />
                ))}
              </ul>
            )
          }
        </Answer>
      </Panel>
      {isStarting && (
        <StartBackfill
          source={search.get("source") ?? ""}
          stream={search.get("stream") ?? ""}
          onClose={() => setIsStarting(false)}
        />
      )}
    </>
  );
}
