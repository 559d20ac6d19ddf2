import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useSearchParams } from "wouter";
import { useOperation } from "../client/use-operation.ts";
import { Answer, Empty } from "../elements/answer.tsx";
import { Pager } from "../elements/pager.tsx";
import { Panel } from "../elements/panel.tsx";
import { RecordDialog } from "./record-dialog.tsx";
import { readFilter, recordQueryOf } from "./record-filter.ts";
import { RecordFilterForm } from "./record-filter-form.tsx";
import { RecordTable } from "./record-table.tsx";
import type { TabProps } from "./stream-page.tsx";

const pageSize = "50";

/** The records of the stream, page by page, by what the filter says. */
export function RecordsTab({ stream }: TabProps) {
  const [search, setSearch] = useSearchParams();
  const client = useQueryClient();
  const change = (fields: Record<string, string>) => {
    const filled = Object.entries(fields).filter(([, value]) => value !== "");
    setSearch(new URLSearchParams([["tab", "records"], ...filled]));
    // Who asks for the same again wants to see what has changed.
    void client.invalidateQueries({ queryKey: ["listRecords"] });
  };
  return (
    <Panel title="Records">
      <RecordFilterForm key={`form ${search}`} stream={stream} filter={readFilter(search)} onChange={change} />
      <RecordPages key={`pages ${search}`} stream={stream} query={recordQueryOf(readFilter(search))} />
    </Panel>
  );
}

function RecordPages({ stream, query }: TabProps & { query: ReturnType<typeof recordQueryOf> }) {
  const [cursors, setCursors] = useState<string[]>([]);
  const [shown, setShown] = useState<string | null>(null);
  const after = cursors.at(-1);
  const records = useOperation("listRecords", {
    query: {
      source: stream.source,
      stream: stream.stream,
      limit: pageSize,
      ...query,
      ...(after !== undefined && { after }),
    },
  });
  return (
    <Answer of={records}>
      {({ items, next }) => (
        <>
          {items.length === 0 ? (
            <Empty title="No records.">None is there yet, or none fits the filter.</Empty>
          ) : (
            <RecordTable stream={stream} records={items} onShow={setShown} />
          )}
          <Pager cursors={cursors} next={next} onChange={setCursors} />
          {shown !== null && <RecordDialog stream={stream} recordKey={shown} onClose={() => setShown(null)} />}
        </>
      )}
    </Answer>
  );
}
