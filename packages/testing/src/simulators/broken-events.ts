import type { UsgsFeature } from "./usgs-events.ts";

/** A record that is wrong on purpose, and where it stands: right behind the real event it was made from. */
export type BrokenEvent = { behind: UsgsFeature; feature: unknown };

type Breakage = { what: string; change: (feature: UsgsFeature) => object };

const breakages: Breakage[] = [
  { what: "magnitude is text", change: (feature) => withProperties(feature, { mag: "strong" }) },
  { what: "id is missing", change: ({ id: _, ...rest }) => rest },
  { what: "time is null", change: (feature) => withProperties(feature, { time: null }) },
  { what: "coordinates are missing", change: (feature) => ({ ...feature, geometry: { type: "Point" } }) },
  { what: "updated is a word", change: (feature) => withProperties(feature, { updated: "yesterday" }) },
];

export const brokenCount = breakages.length;

/** Additional records `demo-broken-1…5`, spread evenly over `events`; each says in `properties.note` what is wrong with it. */
export function breakEvents(events: UsgsFeature[]): BrokenEvent[] {
  return breakages.flatMap(({ what, change }, i) => {
    const behind = events[Math.floor(((i + 1) * events.length) / (brokenCount + 1))];
    if (behind === undefined) return [];
    const note = `broken on purpose by the replay: ${what}`;
    const copy = withProperties({ ...behind, id: `demo-broken-${i + 1}` }, { note });
    return [{ behind, feature: change(copy) }];
  });
}

function withProperties(feature: UsgsFeature, properties: { [field: string]: unknown }): UsgsFeature {
  return { ...feature, properties: { ...feature.properties, ...properties } };
}
