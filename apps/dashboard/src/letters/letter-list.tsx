import { useState } from "react";
import { useMay } from "../client/session.ts";
import { useOperation } from "../client/use-operation.ts";
import { Answer, Empty } from "../elements/answer.tsx";
import { Pager } from "../elements/pager.tsx";
import { Panel } from "../elements/panel.tsx";
import { LetterActions } from "./letter-actions.tsx";
import { choiceOf, type LetterFilter } from "./letter-filter.ts";
import { LetterTable } from "./letter-table.tsx";

/** The letters of the filter, page by page, with what can be done to those that are marked or to all. */
export function LetterList({ filter }: { filter: LetterFilter }) {
  const [cursors, setCursors] = useState<string[]>([]);
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set());
  const mayOperate = useMay("operate");
  const after = cursors.at(-1);
  const letters = useOperation("listLetters", {
    query: { ...filter, limit: "50", ...(after !== undefined && { after }) },
  });
  const choice = marked.size > 0 ? { ids: [...marked] } : choiceOf(filter);
  const canAct = mayOperate && filter.status === "open";
  return (
    <Panel
      title="One by one"
      actions={
        canAct && (
          <LetterActions
            choice={choice}
            which={marked.size > 0 ? `${marked.size} marked` : "all"}
            onDone={() => setMarked(new Set())}
          />
        )
      }
    >
      <Answer of={letters}>
        {({ items, next }) =>
          items.length === 0 ? (
            <Empty title="No letters." />
          ) : (
            <>
              <LetterTable letters={items} marked={canAct ? marked : null} onMark={setMarked} />
              <Pager cursors={cursors} next={next} onChange={setCursors} />
            </>
          )
        }
      </Answer>
    </Panel>
  );
}
