import { PermanentError } from "@penstock/core/errors";
import { describe, expect, test } from "vitest";
import { createAddressGuard, type ResolveHost } from "./address-guard.ts";

const hosts: { [host: string]: string[] } = {
  "api.example": ["203.0.113.7"],
  "public.example": ["93.184.215.14"],
  "rebinding.example": ["93.184.215.14", "10.0.0.9"],
  "internal.example": ["10.1.2.3"],
  "metadata.example": ["169.254.169.254"],
};
const resolve: ResolveHost = async (host) => (hosts[host] ?? []).map((address) => ({ address, family: 4 }));
const hostOf = (url: string) => new URL(url).hostname;

describe("a source at a public address", () => {
  const guard = createAddressGuard("public.example", resolve);

  test.each([
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://0.0.0.0/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://100.100.100.200/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::a00:1]/",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fc00::1]/",
    "http://255.255.255.255/",
    "http://224.0.0.1/",
  ])("%s is refused", async (url) => {
    const refused = await guard.checkHost(hostOf(url)).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(PermanentError);
    expect(refused).toMatchObject({ code: "ADDRESS_REFUSED" });
  });

  test.each(["http://93.184.215.14/", "http://[2606:2800:21f:cb07::1]/"])("%s is not", async (url) => {
    await expect(guard.checkHost(hostOf(url))).resolves.toBeUndefined();
  });

  test.each(["rebinding.example", "internal.example", "metadata.example"])(
    "%s is refused when looked up",
    async (host) => {
      const refused = await new Promise((resolved) => guard.lookup(host, { all: true }, resolved));
      expect(refused).toMatchObject({ code: "ADDRESS_REFUSED" });
    },
  );

  test("the address that was checked is the one to connect to", async () => {
    const found = await new Promise((resolved) =>
      guard.lookup("public.example", {}, (_error, address, family) => resolved({ address, family })),
    );
    expect(found).toEqual({ address: "93.184.215.14", family: 4 });
  });
});

test("a source within a private network may link to its neighbours, and not to the metadata", async () => {
  const guard = createAddressGuard("internal.example", resolve);
  await expect(guard.checkHost("10.9.9.9")).resolves.toBeUndefined();
  await expect(guard.checkHost("127.0.0.1")).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
  await expect(guard.checkHost("169.254.169.254")).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
});

test("a source at a link-local address may link to that very address only", async () => {
  const guard = createAddressGuard("169.254.1.1", resolve);
  await expect(guard.checkHost("169.254.1.1")).resolves.toBeUndefined();
  await expect(guard.checkHost("169.254.169.254")).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
});
