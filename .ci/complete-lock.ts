import { readFile, writeFile } from "node:fs/promises";

/*
 * Completes package-lock.json after `npm install` from a registry that serves the optional packages of its own platform
 * only: npm then leaves the others out, and `npm ci` refuses the file everywhere. Adds name, version and platform of what
 * is missing; npm itself adds the integrity where it can see the package. Changes nothing in a file that is complete.
 */

type Entry = { version?: string; dev?: boolean; optionalDependencies?: Record<string, string> };
type Lock = { packages: Record<string, Entry> };

const systems = ["darwin", "win32", "linux", "android", "freebsd", "openharmony"];
const processors = ["x64", "arm64", "ia32", "arm", "ppc64", "riscv64", "s390x"];
const otherNames: Record<string, string> = { windows: "win32", "64": "x64" };

/** Platform packages say in their names what they are for: `turbo-linux-64`, `lightningcss-linux-x64-musl`. */
function platformOf(name: string): object {
  const words = (name.split("/").at(-1) ?? "").split("-").map((word) => otherNames[word] ?? word);
  const os = systems.find((system) => words.includes(system));
  const cpu = processors.find((processor) => words.includes(processor));
  if (os === undefined || cpu === undefined) throw new Error(`cannot tell the platform of ${name}`);
  const musl = words.some((word) => word.startsWith("musl"));
  const gnu = words.some((word) => word.startsWith("gnu"));
  return { os: [os], cpu: [cpu], ...(musl && { libc: ["musl"] }), ...(gnu && { libc: ["glibc"] }) };
}

/** As Node looks for it: below the package that wants it, then outward. */
function isThere(packages: Lock["packages"], name: string, from: string): boolean {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf("/node_modules/")))) {
    if (packages[`${base === "" ? "" : `${base}/`}node_modules/${name}`] !== undefined) return true;
    if (base === "") return false;
    if (!base.includes("/node_modules/")) base = "";
  }
}

const path = process.argv[2] ?? "package-lock.json";
const lock: Lock = JSON.parse(await readFile(path, "utf8"));
const missing = Object.entries(lock.packages).flatMap(([from, { dev, optionalDependencies = {} }]) =>
  Object.entries(optionalDependencies)
    .filter(([name, version]) => /^\d/.test(version) && !isThere(lock.packages, name, from))
    .map(([name, version]) => [
      `node_modules/${name}`,
      { version, ...(dev && { dev }), ...platformOf(name), optional: true },
    ]),
);
const [root, ...others] = [...Object.entries(lock.packages), ...missing];
lock.packages = Object.fromEntries([root, ...others.sort(([a], [b]) => String(a).localeCompare(String(b), "en"))] as [
  string,
  Entry,
][]);
if (missing.length > 0) await writeFile(path, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${missing.length} added\n`);
