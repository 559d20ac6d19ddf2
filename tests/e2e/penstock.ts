import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const apps = join(import.meta.dirname, "../../apps");

export type Ended = { code: number | null; stdout: string; stderr: string };
export type Running = { child: ChildProcess; ended: Promise<Ended> };

/** As ./penstock has it: half the time to start. */
const compileCache = process.env["NODE_COMPILE_CACHE"] ?? join(apps, "../.penstock/compile-cache");
const inherited = {
  PATH: process.env["PATH"] ?? "",
  HOME: process.env["HOME"] ?? "",
  NODE_COMPILE_CACHE: compileCache,
};

/** Starts the program as a user would, with nothing of this process' environment but the path. */
export function startPenstock(args: string[], env: Record<string, string>): Running {
  return startApp("cli", args, env);
}

/** Starts one of the apps as a process of its own. */
export function startApp(
  app: "cli" | "scheduler" | "fetcher" | "transformer",
  args: string[],
  env: Record<string, string>,
): Running {
  const child = spawn(process.execPath, [join(apps, app, "src/main.ts"), ...args], {
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return { child, ended: output(child) };
}

export function penstock(args: string[], env: Record<string, string>): Promise<Ended> {
  return startPenstock(args, env).ended;
}

/** The lines of `--json` output, parsed. */
export function jsonLines({ stdout, stderr }: Ended): Record<string, unknown>[] {
  const lines = stdout.trim().split("\n");
  try {
    return lines.map((line) => JSON.parse(line));
  } catch (cause) {
    throw new Error(`not JSON lines:\n${stdout}\n${stderr}`, { cause });
  }
}

async function output(child: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}
