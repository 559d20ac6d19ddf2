import { constants, existsSync } from "node:fs";
import { access, cp, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import { join } from "node:path";

/*
 * The files of an embedded queue that nothing was ever in. To make them, Postgres' `initdb` and BullMQ's migrations compute in WebAssembly
 * for ten seconds of processor time and take a gigabyte of memory, always with the same result. So they are made once for each
 * installation, and copied: a thousand files, in a fifth of a second to a whole one.
 */

const installation = join(import.meta.dirname, "../../../node_modules");
const makers = ["@electric-sql/pglite", "bullmq"];

/**
 * Puts an empty queue into `folder`, if there is nothing yet and this installation can keep one to copy; else leaves it to who opens the
 * folder. Who is killed meanwhile leaves no half of one there.
 *
 * @param make makes an empty queue in a folder, and closes it
 * @throws what `make` throws, and Error of the file system
 */
export async function beginEmpty(
  folder: string,
  make: (folder: string) => Promise<void>,
  modules = installation,
): Promise<void> {
  if (existsSync(folder)) return;
  const empty = await emptyQueue(modules, make);
  if (empty === undefined) return;
  const copy = `${folder}.new`;
  await rm(copy, { recursive: true, force: true });
  await cp(empty, copy, { recursive: true, mode: constants.COPYFILE_FICLONE });
  await rename(copy, folder);
}

/** `undefined` where the installation is read-only, as an image is. */
async function emptyQueue(modules: string, make: (folder: string) => Promise<void>): Promise<string | undefined> {
  // Where tools keep what they can make again: `npm ci` removes it.
  const cache = join(modules, ".cache/penstock");
  const versions = await Promise.all(makers.map(versionOf));
  const kept = join(cache, `empty-queue-${versions.join("-")}`);
  if (existsSync(kept)) return kept;
  if (!(await isWritable(modules))) return undefined;
  await mkdir(cache, { recursive: true });
  const own = await mkdtemp(join(cache, "making-"));
  try {
    await make(join(own, "queue"));
    await rename(join(own, "queue"), kept);
  } catch (error) {
    // Another process may have been as fast.
    if (!existsSync(kept)) throw error;
  } finally {
    await rm(own, { recursive: true, force: true });
  }
  return kept;
}

function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** What another version makes may look otherwise. */
async function versionOf(name: string): Promise<string> {
  const path = findPackageJSON(name, import.meta.url);
  if (path === undefined) throw new Error(`${name} is not installed`);
  const { version }: { version: string } = JSON.parse(await readFile(path, "utf8"));
  return version;
}
