import { readdir, readFile } from "node:fs/promises";

/** What a process took of the machine since it started. */
export type Usage = {
  cpuSeconds: number;
  /** The largest resident memory it had. */
  peakBytes: number;
  /** That it had written to files, whatever became of it in the system's cache. */
  writtenBytes: number;
};

/** USER_HZ, which Linux gives user space on every architecture that Node runs on. */
const ticksPerSecond = 100;

/** Of one process, from Linux' /proc. */
export async function usageOf(pid: number | "self"): Promise<Usage> {
  const [stat, status, io] = await Promise.all([statOf(pid), readFile(`/proc/${pid}/status`, "utf8"), ioOf(pid)]);
  return { cpuSeconds: stat.own, peakBytes: 1_024 * field(status, "VmHWM"), writtenBytes: io };
}

/** What a process has of the memory now. */
export async function residentBytesOf(pid: number): Promise<number> {
  return 1_024 * field(await readFile(`/proc/${pid}/status`, "utf8"), "VmRSS");
}

/** Of a server and the processes it has and had: Postgres has one for every connection. Memory is the server's first process'. */
export async function usageOfServer(pid: number): Promise<Usage> {
  const children = await childrenOf(pid);
  const first = await usageOf(pid);
  const stats = await Promise.all([...children, pid].map(statOf));
  const written = await Promise.all(children.map(ioOf));
  return {
    cpuSeconds: stats.reduce((sum, { own, reaped }, i) => sum + own + (i === children.length ? reaped : 0), 0),
    peakBytes: first.peakBytes,
    writtenBytes: first.writtenBytes + written.reduce((sum, bytes) => sum + bytes, 0),
  };
}

export function difference(before: Usage, after: Usage): Usage {
  return {
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    peakBytes: after.peakBytes,
    writtenBytes: after.writtenBytes - before.writtenBytes,
  };
}

/** Fields 14 to 17 of /proc/pid/stat, counted behind the name, which may hold anything: proc(5). */
async function statOf(pid: number | "self"): Promise<{ own: number; reaped: number; parent: number }> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(goneOr(""));
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const seconds = (at: number) => Number(fields[at] ?? 0) / ticksPerSecond;
  return { own: seconds(11) + seconds(12), reaped: seconds(13) + seconds(14), parent: Number(fields[1] ?? 0) };
}

async function ioOf(pid: number | "self"): Promise<number> {
  return field(await readFile(`/proc/${pid}/io`, "utf8").catch(goneOr("")), "wchar");
}

async function childrenOf(pid: number): Promise<number[]> {
  const pids = (await readdir("/proc")).map(Number).filter(Number.isInteger);
  const stats = await Promise.all(pids.map(async (each) => ({ pid: each, ...(await statOf(each)) })));
  return stats.filter(({ parent }) => parent === pid).map((each) => each.pid);
}

const field = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);

/** A process may end between being listed and being read. */
const goneOr =
  <T>(fallback: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === "ENOENT" || error.code === "ESRCH") return fallback;
    throw error;
  };
