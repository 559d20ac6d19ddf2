import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { waitUntil } from "@penstock/testing/wait-until";

export const root = join(import.meta.dirname, "../..");

/** Any port: the usual one may be in use. */
const env = { ...process.env, COMPOSE_API_PORT: "0" };

/** Each question is a command of its own, which takes time from what it asks about. */
export const pollMs = 250;

export type Container = { ID: string; Service: string; State: string; Health: string; ExitCode: number };

/**
 * The repository's compose files as a project of their own, with what .env.example sets but for `variables`. Taken down with its
 * volumes.
 */
export function composeProject(
  name: string,
  files: string[] = ["docker-compose.yml"],
  variables: Record<string, string> = {},
) {
  const project = ["compose", "-p", name, "--env-file", ".env.example", ...files.flatMap((file) => ["-f", file])];
  const compose = async (...args: string[]) => (await ask([...project, ...args], variables)).trim();
  const containers = async (): Promise<Container[]> =>
    (await compose("ps", "--all", "--format", "json")).split("\n").map((line) => JSON.parse(line));
  return {
    compose,
    containers,
    /** What one query of the database gives, its only value. */
    query: (sql: string) => compose("exec", "-T", "postgres", "psql", "-U", "penstock", "-Atc", sql),
    async rows(view: string): Promise<number> {
      try {
        return Number(await this.query(`select count(*) from ${view}`));
      } catch (error) {
        // The view comes with the first process that is up.
        if (String(error).includes("does not exist")) return 0;
        throw error;
      }
    },
    waitForRows(view: string, count: number, timeoutMs: number): Promise<unknown> {
      const hasRows = async () => (await this.rows(view)) >= count;
      return waitUntil(hasRows, { what: `${count} rows in ${view}`, timeoutMs, intervalMs: pollMs });
    },
    [Symbol.asyncDispose]: async () => {
      await compose("--profile", "*", "down", "--volumes", "--timeout", "0");
    },
  };
}

export function docker(...args: string[]): Promise<string> {
  return ask(args);
}

async function ask(args: string[], variables: Record<string, string> = {}): Promise<string> {
  const options = { cwd: root, env: { ...env, ...variables }, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await promisify(execFile)("docker", args, options);
  return stdout;
}

/**
 * Has every process of a container stand still. Control groups of version 1 now and then give up, when a process gets no processor in
 * time to stop; the container goes on as before and can be asked again. Any other answer, such as that it does not run, is a failure.
 */
export async function pause(container: string, attempts = 5): Promise<void> {
  try {
    await docker("pause", container);
  } catch (error) {
    if (attempts === 1 || !String(error).includes("unable to freeze")) throw error;
    await pause(container, attempts - 1);
  }
}
