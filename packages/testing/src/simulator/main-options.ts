import { type FaultKind, usualFaults } from "./faults.ts";
import type { Paging } from "./paging.ts";

/** `--paging keyset --page-size 50 --since inclusive`. */
export function pagingOf(kind: string, pageSize: string | undefined, since: string): Paging {
  const size = pageSize === undefined ? {} : { pageSize: Number(pageSize) };
  switch (kind) {
    case "keyset":
      return { kind, since: since === "inclusive" ? "inclusive" : "exclusive", ...size };
    case "next-link":
    case "next-url":
    case "body-token":
    case "header-token":
    case "page-number":
    case "offset":
    case "window":
    case "has-more":
    case "none":
      return { kind, ...size };
    default:
      throw new Error(`--paging: there is no ${kind}`);
  }
}

/** `status=0.05,truncated=0.01`: how likely each is. */
export function ratesOf(text: string): Partial<Record<FaultKind, number>> {
  const rates: Partial<Record<FaultKind, number>> = {};
  for (const part of text.split(",")) {
    const [kind = "", rate = ""] = part.split("=");
    if (!isFaultKind(kind)) throw new Error(`--faults: there is no ${kind}`);
    if (!(Number(rate) >= 0 && Number(rate) <= 1)) throw new Error(`--faults: ${kind} needs a rate from 0 to 1`);
    rates[kind] = Number(rate);
  }
  return rates;
}

function isFaultKind(kind: string): kind is FaultKind {
  return Object.hasOwn(usualFaults, kind);
}
