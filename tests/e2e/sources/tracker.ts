import { defineSource, defineStream } from "@penstock/source/define-source";
import { urlVariable } from "@penstock/source/environment";
import { oauth2RefreshToken } from "@penstock/source/oauth2";
import { keyset } from "@penstock/source/paginators/keyset";
import { z } from "zod";

const issue = z.object({ number: z.int(), title: z.string(), updated_at: z.iso.datetime() });
const comment = z.object({ id: z.int(), body: z.string(), updated_at: z.iso.datetime() });
const common = { cursor: { field: "updated_at" }, order: "asc", paginator: keyset({ pageSize: 10 }) } as const;

/** The issue tracker of `@penstock/testing/simulators/issue-api`, behind a refresh token that works once. */
export default defineSource({
  name: "tracker",
  environment: z.object({ TRACKER_URL: urlVariable() }),
  define: ({ TRACKER_URL }) => ({
    baseUrl: TRACKER_URL,
    rateLimit: { max: 1_000, perMs: 1_000 },
    auth: oauth2RefreshToken({
      tokenUrl: `${TRACKER_URL}/token`,
      clientId: "penstock",
      clientSecret: "client-s3cret",
      refreshToken: "refresh-secret-0",
    }),
    streams: {
      issues: defineStream({ ...common, path: "/issues", schema: issue, key: "number" }),
      comments: defineStream({
        ...common,
        parent: { stream: "issues", fields: issue.pick({ number: true }) },
        path: "/issues/{number}/comments",
        schema: comment,
        output: comment.extend({ issue: z.int() }),
        transform: (record, { parent }) => ({ ...record, issue: parent.number }),
        key: "id",
      }),
    },
  }),
});
