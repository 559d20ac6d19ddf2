import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, chownSync, closeSync, constants, openSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";
import { type ServerKind, serverKinds, type TestServer, waitUntilAnswering } from "./server-kinds.ts";

const run = promisify(execFile);

/** The server's binary on this machine, if there is one. */
export async function findServerBinary(kind: ServerKind): Promise<string | undefined> {
  return kind === "redis" ? findOnPath("redis-server") : await findPostgres();
}

/** Starts a server from a binary of this machine, with `settings` after those of all tests. Throws when there is none. */
export async function startLocalServer(kind: ServerKind, settings: readonly string[] = []): Promise<TestServer> {
  const binary = await findServerBinary(kind);
  if (binary === undefined) throw new Error(`no ${kind === "redis" ? "redis-server" : "postgres"} binary`);
  const account = kind === "postgres" ? await unprivilegedAccount() : undefined;
  const dir = await mkdtemp(join(tmpdir(), `penstock-${kind}-`));
  if (account !== undefined) chownSync(dir, account.uid, account.gid);
  if (kind === "postgres") await initDatabase(join(binary, "..", "initdb"), join(dir, "data"), account);
  const port = await freePort();
  const url = serverKinds[kind].url(port);
  const launch = () =>
    launchProcess(binary, [...launchArguments(kind, dir, port), ...settings], join(dir, "server.log"), account);
  return superviseProcess(kind, url, dir, launch);
}

type Account = { uid: number; gid: number };

async function superviseProcess(
  kind: ServerKind,
  url: string,
  dir: string,
  launch: () => ChildProcess,
): Promise<TestServer> {
  let child: ChildProcess | undefined;
  const start = async () => {
    child = launch();
    const exited = once(child, "exit").then(() => fail(kind, dir));
    // The winner decides; a later exit (a wanted one) must not be an unhandled rejection.
    exited.catch(() => undefined);
    await Promise.race([waitUntilAnswering(kind, url), exited]);
  };
  const end = async (signal: NodeJS.Signals) => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  };
  // Postgres: SIGINT is the fast shutdown, SIGTERM waits for its clients to leave.
  const stop = () => end(kind === "postgres" ? "SIGINT" : "SIGTERM");
  const close = async () => {
    await stop();
    await rm(dir, { recursive: true, force: true });
  };
  await start();
  return {
    url,
    how: "local binary",
    dataDir: dir,
    pid: () => child?.pid,
    kill: () => end("SIGKILL"),
    stop,
    start,
    close,
  };
}

async function fail(kind: ServerKind, dir: string): Promise<never> {
  const log = await readFile(join(dir, "server.log"), "utf8");
  throw new Error(`${serverKinds[kind].label} ended while starting:\n${log.slice(-2_000)}`);
}

function launchArguments(kind: ServerKind, dir: string, port: number): string[] {
  const { settings } = serverKinds[kind];
  if (kind === "redis") return ["--bind", "127.0.0.1", "--port", String(port), "--dir", dir, ...settings];
  const listen = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="];
  return ["-D", join(dir, "data"), "-p", String(port), ...listen, ...settings];
}

function launchProcess(binary: string, args: string[], log: string, account: Account | undefined): ChildProcess {
  // Where the system offers it: the server dies with the test process, even when that is killed.
  const guard = process.platform === "linux" ? findOnPath("setpriv") : undefined;
  const [command, ...rest] = guard === undefined ? [binary, ...args] : [guard, "--pdeathsig", "KILL", binary, ...args];
  const output = openSync(log, "a");
  try {
    return spawn(command, rest, { ...account, stdio: ["ignore", output, output] });
  } finally {
    closeSync(output);
  }
}

async function initDatabase(initdb: string, dir: string, account: Account | undefined): Promise<void> {
  const options = ["--username=penstock", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"];
  await run(initdb, ["-D", dir, ...options], { ...account, cwd: "/" });
}

/** Postgres refuses to run as root: an account without rights, in that case. */
async function unprivilegedAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  const [, , uid, gid] =
    ["postgres", "nobody"].flatMap((name) => accounts.filter(([user]) => user === name)).at(0) ?? [];
  if (uid === undefined || gid === undefined)
    throw new Error("postgres refuses to run as root, and there is no user nobody");
  return { uid: Number(uid), gid: Number(gid) };
}

/** Debian keeps the server's binaries off the PATH, by version. */
async function findPostgres(): Promise<string | undefined> {
  const debian = "/usr/lib/postgresql";
  const versions = (await readdir(debian).catch(() => [])).map(Number).sort((a, b) => b - a);
  const candidates = versions.map((version) => join(debian, String(version), "bin"));
  return findOnPath("initdb", "postgres") ?? candidates.map((dir) => join(dir, "postgres")).find(isExecutable);
}

/** The last of `names`, in the first folder of the PATH that holds all of them. */
function findOnPath(...names: [string, ...string[]]): string | undefined {
  const dirs = (process.env["PATH"] ?? "").split(delimiter).filter((dir) => dir !== "");
  const dir = dirs.find((candidate) => names.every((name) => isExecutable(join(candidate, name))));
  return dir === undefined ? undefined : join(dir, names.at(-1) ?? names[0]);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
