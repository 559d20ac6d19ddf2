import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** One request and its answer, as kept in a file. `{origin}` stands for where the API is. */
export type Fixture = z.output<typeof fixture>;

const fixture = z.object({
  request: z.object({ method: z.string(), path: z.string(), body: z.string() }),
  response: z.object({ status: z.int(), headers: z.record(z.string(), z.string()), body: z.string() }),
});

export const originMark = "{origin}";
const concealed = "[concealed]";
const secretName = /token|secret|passw|key|auth|signature|credential/i;

/** @throws Error when the folder or a file in it cannot be read, or is none of ours */
export async function readFixtures(dir: string): Promise<Fixture[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith(".json")).sort();
  if (names.length === 0) throw new Error(`${dir} has no fixtures; record them first`);
  return Promise.all(names.map(async (name) => fixture.parse(JSON.parse(await readFile(join(dir, name), "utf8")))));
}

/** In the order in which they were asked: `0001-get-query.json`. */
export async function writeFixture(dir: string, number: number, kept: Fixture): Promise<void> {
  const { pathname } = new URL(kept.request.path, "http://loopback");
  const what = `${kept.request.method} ${pathname}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  await mkdir(dir, { recursive: true });
  const name = `${String(number).padStart(4, "0")}-${what.replace(/-$/, "").slice(0, 60)}.json`;
  await writeFile(join(dir, name), `${JSON.stringify(kept, null, 2)}\n`);
}

export type Concealer = {
  text(text: string): string;
  /** Path and query, parameters in order, without those that hold a secret: what a request is known by. */
  path(path: string): string;
};

/** Takes out the values of variables that are called as secrets are, and what else is known to be one. */
export function createConcealer(env: Record<string, string | undefined>, known: ReadonlySet<string>): Concealer {
  const ofEnvironment = Object.entries(env).flatMap(([name, value]) => (secretName.test(name) && value ? [value] : []));
  const text = (plain: string) =>
    [...ofEnvironment, ...known]
      .flatMap((secret) => [secret, encodeURIComponent(secret)])
      .reduce((shown, secret) => shown.replaceAll(secret, concealed), plain);
  return {
    text,
    path: (path) => {
      const { pathname, searchParams } = new URL(path, "http://loopback");
      const open = [...searchParams].filter(([, value]) => !text(value).includes(concealed));
      const query = new URLSearchParams(open.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)))).toString();
      return text(query === "" ? pathname : `${pathname}?${query}`);
    },
  };
}
