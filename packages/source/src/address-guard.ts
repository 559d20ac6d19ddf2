import { lookup as resolveHost } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { PermanentError } from "@penstock/core/errors";
import ipaddr from "ipaddr.js";

/** All addresses of a host. */
export type ResolveHost = (host: string) => Promise<{ address: string; family: number }[]>;

/** Where clouds serve credentials to whoever asks; those that do not lie in a range of their own. */
const metadataAddresses = new Set(["fd00:ec2::254", "100.100.100.200"]);

const resolveAll: ResolveHost = (host) => resolveHost(host, { all: true });

/**
 * Keeps requests to other origins off the network that this program stands in. Public addresses may be connected to. Others
 * – private, loopback, carrier-grade NAT and so on – only where the source itself is at an address of the same range, and
 * link-local and metadata addresses only where it is at that very address.
 *
 * The address is checked as it is resolved for the connection, so that a name cannot first resolve to a harmless one.
 */
export function createAddressGuard(ownHost: string, resolve: ResolveHost = resolveAll) {
  async function check(address: string): Promise<void> {
    if (rangeOf(address) === "unicast" && !isMetadata(address)) return;
    const own = await addressesOf(ownHost, resolve);
    if (own.some((each) => isSamePlace(each.address, address))) return;
    throw new PermanentError(
      "ADDRESS_REFUSED",
      `a link or redirect leads to ${ipaddr.process(address)}, which is not a public address (${rangeOf(address)})`,
    );
  }

  async function permitted(host: string): Promise<{ address: string; family: number }[]> {
    const addresses = await addressesOf(host, resolve);
    for (const { address } of addresses) await check(address);
    return addresses;
  }

  /** For `net.connect`, which asks it for names. */
  const lookup: LookupFunction = (host, options, callback) => {
    permitted(host).then(
      (addresses) => {
        const [first = { address: "", family: 0 }] = addresses;
        if (options.all === true) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error: Error) => callback(error, ""),
    );
  };

  return {
    lookup,
    /**
     * For hosts that are addresses themselves: nothing looks those up.
     *
     * @throws PermanentError `ADDRESS_REFUSED`
     */
    checkHost: async (host: string): Promise<void> => {
      if (isIP(bare(host)) !== 0) await check(bare(host));
    },
  };
}

async function addressesOf(host: string, resolve: ResolveHost): Promise<{ address: string; family: number }[]> {
  const family = isIP(bare(host));
  return family === 0 ? resolve(host) : [{ address: bare(host), family }];
}

/** URLs put IPv6 addresses in brackets. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

/** The kind of address by IANA's registries; one that is mapped into IPv6 counts as the IPv4 address it is. */
function rangeOf(address: string): string {
  return ipaddr.process(address).range();
}

function isMetadata(address: string): boolean {
  return metadataAddresses.has(ipaddr.process(address).toString());
}

function isSamePlace(own: string, address: string): boolean {
  if (ipaddr.process(own).toString() === ipaddr.process(address).toString()) return true;
  return rangeOf(own) === rangeOf(address) && rangeOf(address) !== "linkLocal" && !isMetadata(address);
}
