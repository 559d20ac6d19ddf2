import { lazy, Suspense, useState } from "react";
import { useOperation } from "../client/use-operation.ts";
import { Answer, Empty, Loading } from "../elements/answer.tsx";
import { Panel } from "../elements/panel.tsx";
import { RunTable } from "../run/run-table.tsx";
import type { TabProps } from "./stream-page.tsx";

const ThroughputChart = lazy(async () => ({
  default: (await import("../charts/throughput-chart.tsx")).ThroughputChart,
}));
const DurationChart = lazy(async () => ({ default: (await import("../charts/duration-chart.tsx")).DurationChart }));

const spans = [
  ["24 hours", "24"],
  ["7 days", "168"],
  ["30 days", "720"],
] as const;

/** What the stream did: in charts, and run by run. */
export function ActivityTab({ stream: { source, stream } }: TabProps) {
  const runs = useOperation("listRuns", { query: { source, stream, limit: "50" } });
  return (
    <>
      <ThroughputPanel source={source} stream={stream} />
      <Panel title="Runs">
        <Answer of={runs}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="It has not run yet.">A schedule, “Run now” or ./penstock run starts it.</Empty>
            ) : (
              <>
                <Suspense fallback={<Loading />}>
                  <DurationChart runs={items} />
                </Suspense>
                <RunTable runs={items} />
              </>
            )
          }
        </Answer>
      </Panel>
    </>
  );
}

function ThroughputPanel({ source, stream }: { source: string; stream: string }) {
  const [hours, setHours] = useState<string>("24");
  const throughput = useOperation("getThroughput", { params: { source, stream }, query: { hours } });
  const choice = (
    <fieldset className="choice">
      <legend className="visually-hidden">Span of time</legend>
      {spans.map(([name, value]) => (
        <label key={value}>
          <input type="radio" name="span" checked={hours === value} onChange={() => setHours(value)} />
          {name}
        </label>
      ))}
    </fieldset>
  );
  return (
    <Panel title="Records written" actions={choice}>
      <Answer of={throughput}>
        {(data) => (
          <Suspense fallback={<Loading />}>
            <ThroughputChart throughput={data} />
          </Suspense>
        )}
      </Answer>
    </Panel>
  );
}
