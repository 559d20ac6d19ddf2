export type Backend = "SQLite + embedded" | "SQLite + Redis" | "Postgres + Redis" | "Postgres only";

const backends: readonly Backend[] = ["Postgres + Redis", "Postgres only", "SQLite + Redis", "SQLite + embedded"];

/** What is pulled, and through what. */
export type Scenario = {
  backend: Backend;
  records: number;
  recordBytes: number;
  pageSize: number;
  /** How long the API takes for a page. */
  latencyMs: number;
};

/** Sizes, pages and latencies; the first is what the others differ from in one respect. */
const shapes: readonly Omit<Scenario, "backend">[] = [
  { recordBytes: 200, pageSize: 1_000, latencyMs: 0, records: 1_000_000 },
  { recordBytes: 1_000, pageSize: 1_000, latencyMs: 0, records: 40_000 },
  { recordBytes: 10_000, pageSize: 1_000, latencyMs: 0, records: 6_000 },
  { recordBytes: 200, pageSize: 500, latencyMs: 0, records: 80_000 },
  { recordBytes: 200, pageSize: 100, latencyMs: 0, records: 200_000 },
  { recordBytes: 200, pageSize: 1_000, latencyMs: 50, records: 60_000 },
  { recordBytes: 200, pageSize: 1_000, latencyMs: 200, records: 30_000 },
];

export const fullScenarios: readonly Scenario[] = shapes.flatMap((shape) =>
  backends.map((backend) => ({ ...shape, backend })),
);

/** What CI compares with what is committed: the two backends that differ most. */
export const quickScenarios: readonly Scenario[] = [
  { backend: "Postgres + Redis", recordBytes: 200, pageSize: 1_000, latencyMs: 0, records: 60_000 },
  { backend: "SQLite + embedded", recordBytes: 200, pageSize: 1_000, latencyMs: 0, records: 60_000 },
];

export function nameOf({ backend, recordBytes, pageSize, latencyMs }: Scenario): string {
  const size = recordBytes >= 1_000 ? `${recordBytes / 1_000} kB` : `${recordBytes} B`;
  const latency = latencyMs === 0 ? "" : `, ${latencyMs} ms`;
  return `${backend}, ${size} × ${pageSize.toLocaleString("en")}${latency}`;
}

export const usesPostgres = ({ backend }: Scenario): boolean => backend.startsWith("Postgres");
export const usesRedis = ({ backend }: Scenario): boolean => backend.endsWith("Redis");
