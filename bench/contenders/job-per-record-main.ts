import { Queue, Worker } from "bullmq";
import { openPrisma } from "./open-prisma.ts";
import { tellAccount } from "./own-account.ts";
import { type Row, readPages } from "./read-pages.ts";

/*
 * node job-per-record-main.ts <API> <database> <page size> <Redis>: what one writes first with BullMQ and Prisma: a job for every
 * record, and an upsert by Prisma in the worker. In Penstock's own table, which is there already.
 */

const [api = "", databaseUrl = "", pageSize = "", redisUrl = ""] = process.argv.slice(2);
const { hostname: host, port, pathname } = new URL(redisUrl);
const connection = { host, port: Number(port), db: Number(pathname.slice(1) || 0), maxRetriesPerRequest: null };
const isSqlite = databaseUrl.startsWith("file:");
const prisma = openPrisma(databaseUrl);

let stored = 0;
const queue = new Queue<Row>("records", { connection });
const worker = new Worker<Row>("records", ({ data }) => store(data), { connection, concurrency: isSqlite ? 1 : 10 });
const allStored = Promise.withResolvers<void>();
let total = Number.POSITIVE_INFINITY;
worker.on("completed", () => {
  stored += 1;
  if (stored === total) allStored.resolve();
});
worker.on("failed", (_, error) => allStored.reject(error));

let queued = 0;
for await (const rows of readPages(api, Number(pageSize))) {
  await queue.addBulk(rows.map((data) => ({ name: "record", data, opts: { removeOnComplete: true, attempts: 5 } })));
  queued += rows.length;
}
total = queued;
if (stored === total) allStored.resolve();
await allStored.promise;
await tellAccount(stored);
await worker.close();
await queue.close();
await prisma.$disconnect();

async function store({ id, ts, ...rest }: Row): Promise<void> {
  const now = new Date();
  const data = { ts: new Date(ts), data: { id, ts, ...rest } as object, updatedAt: now, observedAt: now };
  const key = { source: "external_api", stream: "data", generation: 0, key: id };
  const first = { hash: "", runId: "", seq: 0, schemaVersion: "", firstSeenAt: now };
  await prisma.row.upsert({
    where: { source_stream_generation_key: key },
    create: { ...key, ...data, ...first },
    update: data,
  });
}
