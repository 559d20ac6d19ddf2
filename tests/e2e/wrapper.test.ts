import { symlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { type Checkout, createCheckout, nodeOfAge, npmInstalling } from "./wrapper-checkout.ts";

let checkout: Checkout;
beforeEach(async () => {
  checkout = await createCheckout();
});

/** A checkout that has been started once. */
async function setUp(): Promise<void> {
  await checkout.command("node", nodeOfAge(24));
  await checkout.command("npm", npmInstalling);
  const { code, err } = await checkout.start();
  // Said only where it takes long.
  expect([code, err.replace("Installing dependencies (npm ci) ...\n", "")]).toEqual([0, ""]);
}

describe("handing over", () => {
  beforeEach(setUp);

  it("passes arguments on as they are, and stays in the caller's folder", async () => {
    const args = ["run", "two words", "*", "", "--json"];
    const { out, code } = await checkout.start(args, { cwd: "/" });
    expect([code, JSON.parse(out)]).toEqual([0, { argv: args, cwd: "/", node: process.execPath }]);
  });

  it("works through symbolic links", async () => {
    await symlink(join(checkout.root, "penstock"), join(checkout.root, "..", "first"));
    await symlink("first", join(checkout.root, "..", "second"));
    expect(await checkout.start(["x"], { script: join(checkout.root, "..", "second") })).toMatchObject({
      code: 0,
      err: "",
    });
  });

  it("bounds the program's memory, until NODE_OPTIONS says otherwise", async () => {
    const script = `console.log(require("node:v8").getHeapStatistics().heap_size_limit / 2 ** 20 > 1_500)`;
    await checkout.write("apps/cli/src/main.ts", script);
    const more = { NODE_OPTIONS: "--max-old-space-size=4096" };
    const said = [await checkout.start(), await checkout.start([], { env: more })].map(({ out }) => out.trim());
    expect(said).toEqual(["false", "true"]);
  });

  it("ends with the program's exit code", async () => {
    await checkout.write("apps/cli/src/main.ts", "process.exitCode = 3;");
    expect((await checkout.start()).code).toBe(3);
  });

  it("adds less than 0.3 s to the program's own start", async () => {
    const times: number[] = [];
    const empty = "";
    await checkout.write("apps/cli/src/main.ts", empty);
    for (let round = 0; round < 5; round++) {
      const startedAt = performance.now();
      await checkout.start();
      const wrapped = performance.now() - startedAt;
      await checkout.start([join(checkout.root, "apps/cli/src/main.ts")], { script: process.execPath });
      times.push(wrapped - (performance.now() - startedAt - wrapped));
    }
    expect(Math.min(...times)).toBeLessThan(300);
  });
});

describe("Node", () => {
  it("is installed from npm when the one on the PATH is too old, once", async () => {
    await checkout.command("node", nodeOfAge(20));
    await checkout.command("npm", npmInstalling);
    expect(await checkout.start()).toMatchObject({ code: 0 });
    expect(await checkout.start()).toMatchObject({ code: 0 });
    const calls = await checkout.npmCalls();
    expect(calls).toEqual([
      expect.stringMatching(/^install node-(linux|darwin)-(x64|arm64)@24 --prefix /),
      expect.stringMatching(/^ci /),
    ]);
  });

  it("is looked for again when the one on the PATH changed", async () => {
    await setUp();
    await checkout.command("node", nodeOfAge(20));
    expect((await checkout.start()).code).toBe(0);
    expect((await checkout.npmCalls()).some((call) => call.startsWith("install node-"))).toBe(true);
  });

  it("can be named, and a wrong name is refused", async () => {
    await setUp();
    expect(await checkout.start([], { env: { PENSTOCK_NODE: process.execPath } })).toMatchObject({ code: 0 });
    const { code, err } = await checkout.start([], { env: { PENSTOCK_NODE: "/nowhere/node" } });
    expect([code, err]).toEqual([1, "penstock: PENSTOCK_NODE is /nowhere/node, which is not a Node.js 24 or newer.\n"]);
  });

  it("cannot be had without npm: says what to install", async () => {
    const { code, err } = await checkout.start();
    expect([code, err]).toEqual([1, expect.stringContaining("Install Node.js from https://nodejs.org")]);
  });

  it.each([
    ["MINGW64_NT-10.0", "x86_64", "Windows Subsystem for Linux"],
    ["SunOS", "i86pc", "no ready binary"],
  ])("has no binary for %s %s: says so", async (system, cpu, message) => {
    await checkout.command("npm", npmInstalling);
    await checkout.command(
      "uname",
      `case $1 in -s) echo ${system} ;; -m) echo ${cpu} ;; *) echo ${system} ${cpu} ;; esac`,
    );
    await checkout.command("node", nodeOfAge(20));
    const { code, err } = await checkout.start();
    expect([code, err]).toEqual([1, expect.stringContaining(message)]);
    expect(await checkout.npmCalls()).toEqual([]);
  });
});

describe("dependencies", () => {
  beforeEach(setUp);
  const lockChanged = async (content: string) => {
    await checkout.write("package-lock.json", content);
    const later = new Date(Date.now() + 5_000);
    await utimes(join(checkout.root, "package-lock.json"), later, later);
  };

  it("are installed when the lock file changed, not when only its time did", async () => {
    await lockChanged("1");
    expect((await checkout.start()).code).toBe(0);
    expect(await checkout.npmCalls()).toHaveLength(1);
    await lockChanged("2");
    expect((await checkout.start()).code).toBe(0);
    expect(await checkout.npmCalls()).toHaveLength(2);
  });

  it.each([
    ["ENOTFOUND", "The npm registry cannot be reached"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "NODE_EXTRA_CA_CERTS="],
  ])("are tried again after a failure, which says why: %s", async (npmCode, message) => {
    await lockChanged("2");
    await checkout.command(
      "npm",
      `rm -f "$3/node_modules/.package-lock.json"; echo "npm error code ${npmCode}" >&2; exit 1`,
    );
    const { code, err } = await checkout.start();
    expect(code).toBe(1);
    expect(err).toContain(message);
    expect(err).toContain(`npm error code ${npmCode}`);
    await checkout.command("npm", npmInstalling);
    expect((await checkout.start()).code).toBe(0);
    expect(await checkout.npmCalls()).toHaveLength(2);
  });

  it("are asked for once more when the connection broke off, and not a third time", async () => {
    const cut = `${npmInstalling}\nrm -f "$3/node_modules/.package-lock.json"; echo "npm error code ECONNRESET" >&2; exit 1`;
    await lockChanged("2");
    await checkout.command("npm", `[ -f "$HOME/npm-calls" ] || {\n${cut}\n}\n${npmInstalling}`);
    expect((await checkout.start()).code).toBe(0);
    expect(await checkout.npmCalls()).toHaveLength(2);
    await lockChanged("3");
    await checkout.command("npm", cut);
    expect((await checkout.start()).code).toBe(1);
    expect(await checkout.npmCalls()).toHaveLength(4);
  });

  it("are installed by one of several that start at once; the others wait", async () => {
    await lockChanged("2");
    await checkout.command("npm", `sleep 2; ${npmInstalling}`);
    const starts = await Promise.all([checkout.start(), checkout.start(), checkout.start()]);
    expect(starts.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(starts.map(({ err }) => err).join()).toContain("Installing dependencies (npm ci) ...");
    expect(await checkout.npmCalls()).toHaveLength(2);
  });

  it("are installed although one that did it before was killed", async () => {
    await lockChanged("2");
    await checkout.write(".penstock/lock/pid", "4194305\n");
    expect((await checkout.start()).code).toBe(0);
    expect(await checkout.npmCalls()).toHaveLength(2);
  });

  it("are not installed by the rules of an npm around the wrapper", async () => {
    await lockChanged("2");
    await checkout.command("npm", `echo "$npm_config_omit|$npm_config_workspace" >"$HOME/npm-env"; ${npmInstalling}`);
    await checkout.start([], { env: { npm_config_omit: "dev", npm_config_workspace: "apps/cli" } });
    expect(await checkout.read("../npm-env")).toBe("|\n");
  });
});

describe("Prisma clients", () => {
  beforeEach(setUp);

  it("are generated on the first start and when a schema changed", async () => {
    const once = `generate --config prisma.config.sqlite.ts engine=${process.execPath}\n`;
    await checkout.start();
    expect(await checkout.read("generated-calls")).toBe(once);
    await checkout.write("prisma/sqlite/schema.prisma", "model B {}");
    const later = new Date(Date.now() + 5_000);
    await utimes(join(checkout.root, "prisma/sqlite/schema.prisma"), later, later);
    await checkout.start();
    await checkout.start();
    expect(await checkout.read("generated-calls")).toBe(once + once);
  });

  it("that cannot be generated end the start, with the reason", async () => {
    await checkout.write("node_modules/prisma/build/index.js", "throw new Error('schema is wrong')");
    await checkout.write("prisma/postgresql/schema.prisma", "model A {}");
    const { code, err } = await checkout.start();
    expect([code, err]).toEqual([
      1,
      expect.stringContaining("The Prisma client for postgresql could not be generated"),
    ]);
    expect(err).toContain("schema is wrong");
    expect((await checkout.start()).code).toBe(1);
  });
});
