import { resolve } from "node:path";
import { type Problem, shown } from "./problems.ts";
import type { Environment } from "./read-variables.ts";
import { metaOf } from "./variable.ts";
import { variables } from "./variables.ts";

/** Variables that cannot hold together, or not as they are. */
export function conflicts(env: Environment): Problem[] {
  const { DATABASE_URL: database, DB_PATH: path, REDIS_URL: redis, QUEUE_URL: queue, REDIS_SENTINELS: sentinels } = env;
  const found: Problem[] = [];
  if (database && path && !isFile(database, path)) found.push(contradiction("DB_PATH", path, "DATABASE_URL"));
  if (redis && queue && redis !== queue) found.push(contradiction("QUEUE_URL", queue, "REDIS_URL"));
  if (sentinels && !(redis || queue?.startsWith("redis"))) {
    found.push({ variable: "REDIS_URL", expected: "an address, since REDIS_SENTINELS is set", received: "nothing" });
  }
  return [...found, ...examplePasswords(env)];
}

/** As `.env.example` has it. */
const examplePassword = "change-me";

/** Known to everybody: good for the compose file's own servers, whose ports nobody else sees, and for this machine. */
function examplePasswords(env: Environment): Problem[] {
  return (["DATABASE_URL", "REDIS_URL", "QUEUE_URL"] as const).flatMap((variable) => {
    const url = URL.parse(env[variable] ?? "");
    if (url?.password !== examplePassword || isNear(url.hostname)) return [];
    const expected = "a password of your own, since its server is on another machine";
    return [{ variable, expected, received: "the one of .env.example" }];
  });
}

function isNear(hostname: string): boolean {
  return hostname.startsWith("127.") || ["localhost", "[::1]", "postgres", "redis"].includes(hostname);
}

function isFile(url: string, path: string): boolean {
  return url.startsWith("file:") && resolve(url.slice("file:".length)) === resolve(path);
}

function contradiction(variable: "DB_PATH" | "QUEUE_URL", value: string, other: string): Problem {
  const received = shown(value, metaOf(variables[variable]));
  return { variable, expected: `nothing, or the same as ${other}: only one of them can hold`, received };
}
