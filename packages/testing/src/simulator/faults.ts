import type { RecordedRequest } from "./recording.ts";
import { randomAt } from "./seeded-random.ts";

/** What goes wrong with one answer. */
export type Fault =
  | { kind: "status"; status: number; headers?: Record<string, string>; body?: string }
  /** The request is taken and never answered. */
  | { kind: "hang" }
  /** The headers come after `ms`. */
  | { kind: "late-headers"; ms: number }
  /** The body comes in pieces of `bytes`, one each `everyMs`. */
  | { kind: "slow-drip"; bytes: number; everyMs: number }
  /** The connection ends half-way through the body. */
  | { kind: "truncated" }
  /** The connection is reset (TCP RST) before an answer. */
  | { kind: "reset" }
  /** A complete answer whose body is half a JSON text. */
  | { kind: "malformed" }
  /** A page of HTML with status 200. */
  | { kind: "wrong-type" }
  /** To `to`, or, without it, to where the same request is answered. */
  | { kind: "redirect"; to?: string; status?: 301 | 302 | 303 | 307 | 308 }
  /** One array of at least so many bytes, made while it is sent. */
  | { kind: "huge"; bytes: number }
  /** No records, with the way on as it would be otherwise. */
  | { kind: "empty" }
  /** Every record twice. */
  | { kind: "duplicates" }
  /** The page's records in another order. */
  | { kind: "shuffled" }
  /** `value` becomes text and a field is added, in every record. */
  | { kind: "schema-drift" }
  /** `null` stands in the array, before the records. */
  | { kind: "null-record" };

export type FaultKind = Fault["kind"];

/** A fault and the requests it happens to: all conditions must hold. */
export type FaultRule = {
  fault: Fault;
  /** Numbers of requests, from 0 on. */
  requests?: number[];
  path?: string;
  matches?: (request: RecordedRequest) => boolean;
  /** How often at most. */
  times?: number;
};

/** Faults at random: the same seed gives the same fault to the request of the same number. */
export type RandomFaults = { seed: number; rates: Partial<Record<FaultKind, number>> };

export type FaultPlan = (request: RecordedRequest) => Fault | undefined;

export function createFaultPlan(rules: readonly FaultRule[], random: RandomFaults | undefined): FaultPlan {
  const counted = rules.map((rule) => ({ ...rule, left: rule.times ?? Number.POSITIVE_INFINITY }));
  return (request) => {
    const rule = counted.find((candidate) => candidate.left > 0 && applies(candidate, request));
    if (rule === undefined) return random === undefined ? undefined : randomFault(random, request.number);
    rule.left -= 1;
    return rule.fault;
  };
}

function applies({ requests, path, matches }: FaultRule, request: RecordedRequest): boolean {
  if (requests !== undefined && !requests.includes(request.number)) return false;
  if (path !== undefined && path !== request.path) return false;
  return matches?.(request) ?? true;
}

function randomFault({ seed, rates }: RandomFaults, number: number): Fault | undefined {
  let drawn = randomAt(seed, number, "fault");
  for (const [kind, fault] of Object.entries(usualFaults)) {
    drawn -= rates[fault.kind] ?? 0;
    if (drawn < 0) return kind === "status" ? usualStatus(seed, number) : fault;
  }
  return undefined;
}

/** How each looks when it comes at random. Those that hang end before a test's patience does. */
export const usualFaults: { [K in FaultKind]: Extract<Fault, { kind: K }> } = {
  status: { kind: "status", status: 503 },
  hang: { kind: "hang" },
  "late-headers": { kind: "late-headers", ms: 250 },
  "slow-drip": { kind: "slow-drip", bytes: 512, everyMs: 5 },
  truncated: { kind: "truncated" },
  reset: { kind: "reset" },
  malformed: { kind: "malformed" },
  "wrong-type": { kind: "wrong-type" },
  redirect: { kind: "redirect" },
  huge: { kind: "huge", bytes: 300 * 1024 * 1024 },
  empty: { kind: "empty" },
  duplicates: { kind: "duplicates" },
  shuffled: { kind: "shuffled" },
  "schema-drift": { kind: "schema-drift" },
  "null-record": { kind: "null-record" },
};

function usualStatus(seed: number, number: number): Fault {
  const statuses = [429, 500, 502, 503, 504];
  const status = statuses[Math.floor(randomAt(seed, number, "status") * statuses.length)] ?? 503;
  return { kind: "status", status, ...(status === 429 && { headers: { "retry-after": "1" } }) };
}
