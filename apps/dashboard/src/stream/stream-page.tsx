import { useSearchParams } from "wouter";
import type { StreamDetail } from "../client/models.ts";
import { useOperation } from "../client/use-operation.ts";
import { Answer } from "../elements/answer.tsx";
import { HealthBadge } from "../elements/status.tsx";
import { Tabs } from "../elements/tabs.tsx";
import { ActivityTab } from "./activity-tab.tsx";
import { CheckpointsTab } from "./checkpoints-tab.tsx";
import { LiveTab } from "./live-tab.tsx";
import { RecordsTab } from "./records-tab.tsx";
import { SchemaTab } from "./schema-tab.tsx";
import { StreamActions } from "./stream-actions.tsx";
import { StreamFigures } from "./stream-figures.tsx";

const tabs = {
  Activity: ActivityTab,
  Records: RecordsTab,
  "Live tail": LiveTab,
  Checkpoints: CheckpointsTab,
  Schema: SchemaTab,
};

export type TabProps = { stream: StreamDetail };

export function StreamPage({ source, stream }: { source: string; stream: string }) {
  const detail = useOperation("getStream", { params: { source, stream } });
  return (
    <>
      <title>{`${source}.${stream} · Penstock`}</title>
      <Answer of={detail}>{(data) => <StreamView stream={data} />}</Answer>
    </>
  );
}

function StreamView({ stream }: TabProps) {
  const base = `/streams/${stream.source}/${stream.stream}`;
  const [search] = useSearchParams();
  const asked = search.get("tab");
  const names = Object.keys(tabs);
  const current = names.find((name) => slug(name) === asked) ?? "Activity";
  const Tab = Object.entries(tabs).find(([name]) => name === current)?.[1] ?? ActivityTab;
  return (
    <>
      <header className="page-header">
        <div>
          <h1>
            {stream.source}.{stream.stream} <HealthBadge health={stream.health} />
          </h1>
          <p className="quiet">{stream.healthReason}</p>
        </div>
        <StreamActions stream={stream} />
      </header>
      <StreamFigures stream={stream} />
      <Tabs
        label="Parts of the stream"
        current={current}
        items={names.map((name) => [name, `${base}?tab=${slug(name)}`])}
      />
      <Tab stream={stream} />
    </>
  );
}

const slug = (name: string) => name.toLowerCase().replace(" ", "-");
