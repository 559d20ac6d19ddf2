import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const shell = promisify(execFile);
const makeFolder = () => mkdtempSync(join(tmpdir(), "penstock-disk-"));

export type SmallDisk = AsyncDisposable & {
  folder: string;
  /** Takes all room but `leftBytes`. */
  fill(leftBytes: number): Promise<void>;
  /** Gives back what `fill` took. */
  makeRoom(): Promise<void>;
};

/** Whether file systems can be mounted: it needs Linux, and rights that a container's root may not have. */
export function canMountDisk(): boolean {
  if (process.platform !== "linux") return false;
  const folder = makeFolder();
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], { stdio: "ignore" });
    execFileSync("umount", [folder]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Others may have written meanwhile. */
function unlessFull(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOSPC") throw error;
}

/** A file system of its own, in memory, so that it can be full without the machine's being so. */
export async function mountDisk(megabytes: number): Promise<SmallDisk> {
  const folder = makeFolder();
  const ballast = join(folder, "ballast");
  await shell("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder]);
  return {
    folder,
    fill: async (leftBytes) => {
      const { bavail, bsize } = await statfs(folder);
      await writeFile(ballast, Buffer.alloc(bavail * bsize - leftBytes)).catch(unlessFull);
    },
    makeRoom: () => rm(ballast),
    [Symbol.asyncDispose]: async () => {
      await shell("umount", [folder]);
      await rm(folder, { recursive: true });
    },
  };
}
