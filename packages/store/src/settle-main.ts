import { join } from "node:path";
import { openStore } from "./open-store.ts";

// Run by a test as a process of its own, which kills it on the way.
const [url = ""] = process.argv.slice(2);
const store = await openStore({ url, migrationsRoot: join(import.meta.dirname, "../../../prisma") });
process.stdout.write("begun\n");
await store.settleDeletions();
await store.close();
