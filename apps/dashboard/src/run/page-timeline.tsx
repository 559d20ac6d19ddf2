import { useState } from "react";
import type { Page, RunDetail } from "../client/models.ts";
import { useOperation } from "../client/use-operation.ts";
import { Answer, Empty } from "../elements/answer.tsx";
import { Pager } from "../elements/pager.tsx";
import { Panel, Scrolling } from "../elements/panel.tsx";
import { formatDuration } from "../format/duration.ts";
import { formatInstant } from "../format/instant.ts";
import { formatCount } from "../format/number.ts";
import { timelineOf } from "./timeline.ts";

/** The run page by page: when each was asked for and committed, and what became of its records. */
export function PageTimeline({ run }: { run: RunDetail }) {
  const [cursors, setCursors] = useState<string[]>([]);
  const after = cursors.at(-1);
  const pages = useOperation("listPages", {
    params: { run: run.id },
    query: { limit: "100", ...(after !== undefined && { after }) },
  });
  return (
    <Panel title="Page by page">
      <Answer of={pages}>
        {({ items, next }) =>
          items.length === 0 ? (
            <Empty title="No page is committed.">
              Pages of old runs are pruned; a run under way shows them as they come.
            </Empty>
          ) : (
            <>
              <Timeline pages={items} />
              <Pager cursors={cursors} next={next} onChange={setCursors} />
            </>
          )
        }
      </Answer>
    </Panel>
  );
}

function Timeline({ pages }: { pages: Page[] }) {
  const { totalMs, spans } = timelineOf(pages);
  return (
    <Scrolling label="Pages">
      <table className="timeline">
        <thead>
          <tr>
            <th scope="col" className="number">
              Page
            </th>
            <th scope="col" className="timeline-column">
              Asked for to committed, of {formatDuration(totalMs)}
            </th>
            <th scope="col" className="number">
              Took
            </th>
            <th scope="col" className="number">
              Fetched
            </th>
            <th scope="col" className="number">
              Written
            </th>
            <th scope="col" className="number">
              Unchanged
            </th>
            <th scope="col" className="number">
              Dead letters
            </th>
          </tr>
        </thead>
        <tbody>
          {pages.map((page, index) => (
            <PageRow
              key={`${page.seq} ${page.contentHash}`}
              page={page}
              {...(spans[index] ?? { start: 0, length: 0 })}
            />
          ))}
        </tbody>
      </table>
    </Scrolling>
  );
}

function PageRow({ page, start, length }: { page: Page; start: number; length: number }) {
  const { seq, account, isInPrefix, isLast, observedAt, committedAt, endCode, cursorIn } = page;
  const tookMs = Math.max(0, Date.parse(committedAt) - Date.parse(observedAt));
  const counts = [account.fetched, account.inserted + account.updated, account.unchanged, account.deadLettered];
  return (
    <tr className={isInPrefix ? "" : "outside"}>
      <td className="number" title={`Position ${cursorIn}`}>
        {seq}
      </td>
      <td className="timeline-column">
        <span className="timeline-track" title={`${formatInstant(observedAt)} to ${formatInstant(committedAt)}`}>
          <span
            className={account.deadLettered > 0 ? "timeline-bar with-letters" : "timeline-bar"}
            style={{ left: `${start * 100}%`, width: `${length * 100}%` }}
          />
        </span>
        {!isInPrefix && <small className="quiet">not in the committed prefix</small>}
        {isLast && <small className="quiet">the last page{endCode === null ? "" : `: ${endCode}`}</small>}
      </td>
      <td className="number">{formatDuration(tookMs)}</td>
      {counts.map((count, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a column is its place
        <td key={index} className={count === 0 ? "number quiet" : "number"}>
          {formatCount(count)}
        </td>
      ))}
    </tr>
  );
}
