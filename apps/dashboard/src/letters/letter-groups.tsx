import { Link } from "wouter";
import type { LetterGroup } from "../client/models.ts";
import { useOperation } from "../client/use-operation.ts";
import { Answer, Empty } from "../elements/answer.tsx";
import { Moment } from "../elements/moment.tsx";
import { Panel } from "../elements/panel.tsx";
import { formatCount } from "../format/number.ts";
import { type LetterFilter, lettersHref } from "./letter-filter.ts";

/** The causes there are; choosing one shows its letters below. */
export function LetterGroups({ filter }: { filter: LetterFilter }) {
  const { status, source, stream } = filter;
  const groups = useOperation("groupLetters", {
    query: { status, ...(source !== undefined && { source }), ...(stream !== undefined && { stream }) },
  });
  return (
    <Panel title="By cause">
      <Answer of={groups}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={status === "open" ? "There are no open dead letters." : "There are none of this status."}>
              Everything that was fetched is in the database.
            </Empty>
          ) : (
            <ul className="groups">
              {items.map((group) => (
                <Group
                  key={`${group.source} ${group.stream} ${group.stage} ${group.code} ${group.path}`}
                  group={group}
                  filter={filter}
                />
              ))}
            </ul>
          )
        }
      </Answer>
    </Panel>
  );
}

function Group({ group, filter }: { group: LetterGroup; filter: LetterFilter }) {
  const { source, stream, stage, code, path, letters, lastSeenAt, exampleMessage, remedy } = group;
  const isChosen =
    filter.code === code && filter.source === source && filter.stream === stream && filter.stage === stage;
  const href = isChosen ? { status: filter.status } : { status: filter.status, source, stream, stage, code };
  return (
    <li className={isChosen ? "group chosen" : "group"}>
      <Link href={lettersHref(href)} className="group-link" aria-current={isChosen}>
        <span className="group-count">{formatCount(letters)}</span>
        <span>
          <code>{code}</code>
          {path !== null && (
            <>
              {" at "}
              <code className="path">{path}</code>
            </>
          )}
          <span className="group-stream">
            {source}.{stream}, {stage}
          </span>
        </span>
      </Link>
      <p className="break">{exampleMessage}</p>
      <p className="remedy">{remedy}</p>
      <p className="quiet">
        last met <Moment at={lastSeenAt} />
      </p>
    </li>
  );
}
