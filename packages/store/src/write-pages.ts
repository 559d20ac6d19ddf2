import { join } from "node:path";
import { openStore } from "./open-store.ts";
import { pagesFor } from "./page-of.ts";

// Run by a test as a process of its own: commits the numbered pages of a run, one record each.
const [url = "", run = "{}", seqs = ""] = process.argv.slice(2);
const store = await openStore({ url, migrationsRoot: join(import.meta.dirname, "../../../prisma") });
for (const seq of seqs.split(",").map(Number))
  await store.commitPage(pagesFor(store.dialect)(JSON.parse(run), { seq, keys: [`k${seq}`] }));
await store.close();
