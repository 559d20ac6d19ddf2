import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { testDir } from "@penstock/testing/temp-dir";

/** What the wrapper script may use of a system; nothing else is on the PATH of these tests. */
const tools = [
  "cat",
  "chmod",
  "cmp",
  "cp",
  "grep",
  "ls",
  "mkdir",
  "mv",
  "readlink",
  "rm",
  "sh",
  "sleep",
  "tail",
  "touch",
  "tr",
  "uname",
];

const program = `console.log(JSON.stringify({ argv: process.argv.slice(2), cwd: process.cwd(), node: process.execPath }));\n`;

export type Started = { code: number | null; out: string; err: string };

/** A checkout that holds only what the wrapper script looks at, and a system where `node` and `npm` are what a test makes them. */
export type Checkout = {
  root: string;
  start(args?: string[], options?: { cwd?: string; script?: string; env?: Record<string, string> }): Promise<Started>;
  /** Puts a shell script on the PATH. */
  command(name: string, script: string): Promise<void>;
  write(path: string, content: string): Promise<void>;
  read(path: string): Promise<string>;
  /** Arguments of each call of the npm that `npmInstalling` puts on the PATH. */
  npmCalls(): Promise<string[]>;
};

export async function createCheckout(): Promise<Checkout> {
  const base = await testDir();
  const root = join(base, "a path with spaces");
  const bin = join(base, "bin");
  await mkdir(root);
  await mkdir(bin);
  await Promise.all(tools.map(async (tool) => symlink(await findTool(tool), join(bin, tool))));
  await copyFile(join(import.meta.dirname, "../../penstock"), join(root, "penstock"));
  const write = async (path: string, content: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  };
  await write("apps/cli/src/main.ts", program);
  await write("package-lock.json", "1");
  await write("prisma/sqlite/schema.prisma", "model A {}");
  await write("node_modules/prisma/build/index.js", fakePrisma);
  return {
    root,
    start: async (args = [], { cwd = base, script = join(root, "penstock"), env = {} } = {}) => {
      const child = spawn(script, args, {
        cwd,
        env: { PATH: bin, HOME: base, ...env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      return await finished(child);
    },
    command: async (name, script) => {
      // Not through the link to the system's own tool of that name.
      await rm(join(bin, name), { force: true });
      await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
      await chmod(join(bin, name), 0o755);
    },
    write,
    read: (path) => readFile(join(root, path), "utf8"),
    npmCalls: async () => (await readFile(join(base, "npm-calls"), "utf8").catch(() => "")).split("\n").slice(0, -1),
  };
}

/** An npm whose `ci` and `install node-…` do what the real ones leave behind. */
export const npmInstalling = `
echo "$*" >>"$HOME/npm-calls"
case $1 in
  ci) mkdir -p "$3/node_modules" && cp "$3/package-lock.json" "$3/node_modules/.package-lock.json" ;;
  install)
    mkdir -p "$4/node_modules/\${2%@*}/bin"
    printf '#!/bin/sh\\nexec "${process.execPath}" "$@"\\n' >"$4/node_modules/\${2%@*}/bin/node" ;;
esac`;

/** A node of the age given, as far as the wrapper asks; the program itself runs on the real one. */
export const nodeOfAge = (major: number) =>
  major >= 24 ? `exec "${process.execPath}" "$@"` : `case $1 in -p) echo ;; *) echo "too old" >&2; exit 1 ;; esac`;

const fakePrisma = `
const { mkdirSync, appendFileSync } = require("node:fs");
mkdirSync("packages/store/generated/sqlite", { recursive: true });
appendFileSync("generated-calls", process.argv.slice(2).join(" ") + " engine=" + process.env.PRISMA_SCHEMA_ENGINE_BINARY + "\\n");
`;

async function finished(
  child: ChildProcess & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream },
): Promise<Started> {
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code: typeof code === "number" ? code : null, out, err };
}

async function findTool(tool: string): Promise<string> {
  const places = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, tool));
  for (const place of places) if (await readFile(place).then(Boolean, () => false)) return place;
  throw new Error(`${tool} is not on the PATH`);
}
