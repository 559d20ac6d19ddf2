import { bearer } from "@penstock/source/auth";
import { defineSource, defineStream } from "@penstock/source/define-source";
import { every } from "@penstock/source/duration";
import { urlVariable } from "@penstock/source/environment";
import { token } from "@penstock/source/paginators/token";
import { z } from "zod";

/** The schemas name what is wanted of records that have many more fields. */
const selected = { newField: "discard" } as const;

/** Seconds since 1970. */
const seconds = z.int().min(0).max(253_402_300_799);
const isoTime = (epochSeconds: number) => new Date(epochSeconds * 1_000).toISOString();

const charge = z.object({
  id: z.string(),
  /** In the currency's smallest unit. */
  amount: z.int(),
  amount_refunded: z.int(),
  currency: z.string(),
  customer: z.string().nullish(),
  description: z.string().nullish(),
  status: z.string(),
  paid: z.boolean(),
  refunded: z.boolean(),
  disputed: z.boolean(),
  failure_code: z.string().nullish(),
  livemode: z.boolean(),
  created: seconds,
});

const customer = z.object({
  id: z.string(),
  email: z.string().nullish(),
  name: z.string().nullish(),
  currency: z.string().nullish(),
  delinquent: z.boolean().nullish(),
  livemode: z.boolean(),
  created: seconds,
});

const event = z.object({
  id: z.string(),
  type: z.string(),
  data: z.object({ object: z.looseObject({ id: z.string().optional(), object: z.string() }) }),
  livemode: z.boolean(),
  created: seconds,
});

/** All lists are alike: newest first, on from the last object seen, filtered by creation. */
const list = {
  query: { limit: "100" },
  records: "data",
  key: "id",
  order: "desc",
  paginator: token({
    from: { lastRecord: "id" },
    to: { query: "starting_after" },
    hasMore: "has_more",
    since: { query: "created[gte]", format: "epoch-seconds" },
  }),
} as const;

/**
 * Charges, customers and events of a Stripe account. Written from the documentation, https://docs.stripe.com/api.
 *
 * Lists are filtered by creation, and charges and customers change afterwards: within `lookback` a run reads them again.
 * Later changes are in the events, which tell of each, and which the API keeps for 30 days.
 */
export default defineSource({
  name: "stripe",
  environment: z.object({
    /** A restricted key with the right to read is enough. */
    STRIPE_API_KEY: z.string(),
    STRIPE_URL: urlVariable().default("https://api.stripe.com/v1"),
  }),
  define: (env) => ({
    baseUrl: env.STRIPE_URL,
    auth: bearer(env.STRIPE_API_KEY),
    rateLimit: { max: 20, perMs: 1_000 },
    streams: {
      charges: defineStream({
        ...list,
        path: "/charges",
        schema: charge,
        contract: selected,
        output: z.object({
          id: z.string(),
          amount: z.int(),
          amount_refunded: z.int(),
          currency: z.string(),
          customer: z.string().nullable(),
          description: z.string().nullable(),
          status: z.string(),
          paid: z.boolean(),
          refunded: z.boolean(),
          disputed: z.boolean(),
          failure_code: z.string().nullable(),
          livemode: z.boolean(),
          created: z.iso.datetime(),
        }),
        transform: ({ customer, description, failure_code, created, ...same }) => ({
          ...same,
          customer: customer ?? null,
          description: description ?? null,
          failure_code: failure_code ?? null,
          created: isoTime(created),
        }),
        cursor: { field: "created", lookback: "7d" },
        eventTime: "created",
        schedule: every("15m"),
        freshness: "45m",
      }),
      customers: defineStream({
        ...list,
        path: "/customers",
        schema: customer,
        contract: selected,
        output: z.object({
          id: z.string(),
          email: z.string().nullable(),
          name: z.string().nullable(),
          currency: z.string().nullable(),
          delinquent: z.boolean(),
          livemode: z.boolean(),
          created: z.iso.datetime(),
        }),
        transform: ({ id, email, name, currency, delinquent, livemode, created }) => ({
          id,
          email: email ?? null,
          name: name ?? null,
          currency: currency ?? null,
          delinquent: delinquent ?? false,
          livemode,
          created: isoTime(created),
        }),
        cursor: { field: "created", lookback: "7d" },
        eventTime: "created",
        schedule: every("1h"),
        freshness: "3h",
      }),
      events: defineStream({
        ...list,
        path: "/events",
        schema: event,
        contract: selected,
        output: z.object({
          id: z.string(),
          type: z.string(),
          object_type: z.string(),
          object_id: z.string().nullable(),
          object: z.unknown(),
          livemode: z.boolean(),
          created: z.iso.datetime(),
        }),
        transform: ({ id, type, data, livemode, created }) => ({
          id,
          type,
          object_type: data.object.object,
          object_id: data.object.id ?? null,
          object: data.object,
          livemode,
          created: isoTime(created),
        }),
        cursor: { field: "created", lookback: "5m" },
        eventTime: "created",
        schedule: every("5m"),
        freshness: "15m",
      }),
    },
  }),
});
