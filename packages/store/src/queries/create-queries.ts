import type { Connection } from "../connection.ts";
import { groupLetters, readThroughput } from "./aggregates.ts";
import { listChanges } from "./changes.ts";
import { listCheckpoints, listLetters, listPages, listRuns, listSchemas, readRunById } from "./listings.ts";
import type { Queries } from "./queries.ts";
import { listRecords, readRecordDetail } from "./records.ts";

type QueryConnection = Pick<Connection, "db" | "dialect" | "ask" | "statements">;

export function createQueries({ db, dialect, ask, statements }: QueryConnection): Queries {
  return {
    records: (query) => ask(async () => listRecords(await statements(), dialect, query)),
    record: (name) => ask(() => readRecordDetail(db, name)),
    changes: (query) => ask(async () => listChanges(await statements(), dialect, query)),
    runs: (query) => ask(() => listRuns(db, query)),
    run: (id) => ask(() => readRunById(db, id)),
    pages: (query) => ask(() => listPages(db, query)),
    checkpoints: (query) => ask(() => listCheckpoints(db, query)),
    letters: (query) => ask(() => listLetters(db, query)),
    letterGroups: (query) => ask(() => groupLetters(db, query)),
    schemas: (query) => ask(() => listSchemas(db, query)),
    throughput: (query) => ask(() => readThroughput(db, dialect, query)),
  };
}
