import type { Checkpoint } from "../client/models.ts";
import { useOperation } from "../client/use-operation.ts";
import { Answer, Empty } from "../elements/answer.tsx";
import { Bound, Instant, Moment } from "../elements/moment.tsx";
import { Panel, Scrolling } from "../elements/panel.tsx";
import type { TabProps } from "./stream-page.tsx";

/** Where each partition goes on. */
export function CheckpointsTab({ stream: { source, stream } }: TabProps) {
  const checkpoints = useOperation("listCheckpoints", { query: { source, stream, limit: "200" } });
  return (
    <Panel title="Checkpoints">
      <Answer of={checkpoints}>
        {({ items, next }) =>
          items.length === 0 ? (
            <Empty title="There is no checkpoint yet.">The first run makes one.</Empty>
          ) : (
            <>
              <CheckpointTable items={items} />
              {next !== null && <p className="quiet">The first {items.length} are shown; the API has the rest.</p>}
            </>
          )
        }
      </Answer>
    </Panel>
  );
}

function CheckpointTable({ items }: { items: Checkpoint[] }) {
  return (
    <Scrolling label="Checkpoints">
      <table>
        <thead>
          <tr>
            <th scope="col">Partition</th>
            <th scope="col">Bound: the next run asks from</th>
            <th scope="col">Newest record</th>
            <th scope="col">Moved</th>
            <th scope="col" className="number">
              Fence
            </th>
            <th scope="col">Due</th>
            <th scope="col" className="number">
              Failures
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <tr key={item.partition}>
              <td className="break">{item.partition}</td>
              <td>
                <Bound bound={item.bound} />
              </td>
              <td>
                <Instant at={item.watermark} />
              </td>
              <td>
                <Moment at={item.updatedAt} />
              </td>
              <td className="number">{item.fence}</td>
              <td>
                <Moment at={item.dueSince} otherwise="–" />
              </td>
              <td className="number">{item.failures}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolling>
  );
}
