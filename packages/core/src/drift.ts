import { storable } from "./storable.ts";

/*
 * Drift is what arrives and the stream's schema does not say. A stream has a contract: for each kind of drift, what is done.
 */

export const driftKinds = ["newField", "missingField", "changedType", "newValue"] as const;
/**
 * | kind           | what came                                                         |
 * | -------------- | ----------------------------------------------------------------- |
 * | `newField`     | a field that the schema does not have                             |
 * | `missingField` | nothing, where the schema requires a field                        |
 * | `changedType`  | a value of another type                                           |
 * | `newValue`     | another value of the right type than those that the schema lists  |
 */
export type DriftKind = (typeof driftKinds)[number];

/** From the mildest to the strictest. What each does with which kind is told in docs/schema-evolution.md. */
export const contractActions = ["evolve", "discard", "quarantine", "freeze"] as const;
export type ContractAction = (typeof contractActions)[number];

export type Contract = Readonly<Record<DriftKind, ContractAction>>;

/** Nothing is lost by any of these: what is new is kept beside the record, what does not fit becomes a dead letter. */
export const defaultContract: Contract = {
  newField: "evolve",
  missingField: "quarantine",
  changedType: "quarantine",
  newValue: "quarantine",
};

/** One observation. Types and lengths only: values may be secret. */
export type Drift = {
  kind: DriftKind;
  action: ContractAction;
  /** `lines[].price`: with `[]` for whichever element of a list. */
  path: string;
  expected: string;
  came: string;
};

/** How many records had it. */
export type DriftCount = Drift & { records: number };

/** Stands for all paths beyond those that are counted one by one. */
export const otherPaths = "…";

const maxPathChars = 200;

/**
 * Counts drift, at most `limit` paths of each kind by name. An API that uses ids as field names has a new one with every record.
 */
export function createDriftTally(limit = 50): { add(drift: Drift): void; counts(): DriftCount[] } {
  const counted = new Map<DriftKind, Map<string, DriftCount[]>>();
  const add = (drift: Drift): void => {
    const { kind, came } = drift;
    const paths = counted.get(kind) ?? new Map<string, DriftCount[]>();
    if (paths.size === 0) counted.set(kind, paths);
    // Names of fields are the API's, and a cut may go through a surrogate pair.
    const path = storable(drift.path.slice(0, maxPathChars));
    const known = paths.get(path);
    const same = known?.find((each) => each.came === came);
    if (same !== undefined) same.records += 1;
    else if (known !== undefined) known.push(countOf(drift, path));
    else if (paths.size < limit || path === otherPaths) paths.set(path, [countOf(drift, path)]);
    else add({ ...drift, path: otherPaths, expected: "", came: "" });
  };
  return { add, counts: () => [...counted.values()].flatMap((paths) => [...paths.values()].flat()) };
}

function countOf({ kind, action, expected, came }: Drift, path: string): DriftCount {
  return { kind, action, path, expected, came, records: 1 };
}
