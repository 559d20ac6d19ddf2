import { setFlagsFromString } from "node:v8";
import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { createStatements } from "./pglite-statements.ts";
import type { Asked, Failure, Told } from "./pglite-thread.ts";

// Run by openPgliteThread as a thread of its own.

// V8 compiles WebAssembly twice: all of it fast, and what computes much as well as it can. Of Postgres' largest functions that takes a second of
// processor time and 500 MB within the first few hundred jobs, and no job takes less time afterwards. What of a module is compiled how is
// settled when it is made, so others, such as Prisma's, are compiled as ever.
const compilesTwice = ["wasm-tier-up", "wasm-dynamic-tiering"];
for (const flag of compilesTwice) setFlagsFromString(`--no-${flag}`);
const db = await PGlite.create(workerData.folder);
for (const flag of compilesTwice) setFlagsFromString(`--${flag}`);
const askStatement = createStatements(db);
const tell = (told: Told) => parentPort?.postMessage(told);

db.onNotification((channel, payload) => tell({ kind: "notification", channel, payload }));
parentPort?.on("message", async (asked: Asked) => {
  try {
    tell({ kind: "answer", id: asked.id, rows: await rowsOf(asked) });
  } catch (error) {
    const failure = failureOf(error);
    tell({ kind: "failure", id: asked.id, failure });
    if (isTheEnd(error, failure)) process.exit(1);
  }
  if (asked.kind === "close") parentPort?.close();
});
tell({ kind: "open" });

async function rowsOf(asked: Asked): Promise<unknown[]> {
  if (asked.kind === "close") {
    await db.close();
    return [];
  }
  if (asked.kind === "query") return await askStatement(asked.text, asked.params);
  return (await db.exec(asked.text)).at(-1)?.rows ?? [];
}

/** Between threads an error keeps its message and stack; what Postgres said of it would be lost. */
function failureOf(error: unknown): Failure {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const fields = ["code", "detail", "hint", "constraint", "table", "schema", "severity"];
  const said = Object.entries(error ?? {}).filter(
    ([name, value]) => fields.includes(name) && typeof value === "string",
  );
  return { message, ...(stack !== undefined && { stack }), ...Object.fromEntries(said) };
}

/** Postgres would end its process with such an error. This one stays, but answers nothing any more. */
function isTheEnd(error: unknown, { severity }: Failure): boolean {
  return severity === "PANIC" || severity === "FATAL" || (error instanceof Error && error.name === "RuntimeError");
}
