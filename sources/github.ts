import { bearer, noAuth } from "@penstock/source/auth";
import { defineSource, defineStream } from "@penstock/source/define-source";
import { every } from "@penstock/source/duration";
import { urlVariable } from "@penstock/source/environment";
import { linkHeader } from "@penstock/source/paginators/links";
import { z } from "zod";

/** The schemas name what is wanted of records that have many more fields. */
const selected = { newField: "discard" } as const;

const user = z.object({ login: z.string() });

/** One issue as the API sends it: https://docs.github.com/en/rest/issues/issues */
const issue = z.object({
  number: z.int(),
  title: z.string(),
  state: z.string(),
  state_reason: z.string().nullish(),
  body: z.string().nullish(),
  user: user.nullable(),
  labels: z.array(z.union([z.string(), z.object({ name: z.string() })])),
  milestone: z.object({ title: z.string() }).nullable(),
  comments: z.int(),
  html_url: z.string(),
  pull_request: z.object({ merged_at: z.iso.datetime().nullish() }).optional(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
  closed_at: z.iso.datetime().nullable(),
});

/** https://docs.github.com/en/rest/issues/comments */
const comment = z.object({
  id: z.int(),
  body: z.string().optional(),
  user: user.nullable(),
  html_url: z.string(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

/**
 * Issues and pull requests of a GitHub repository, with their comments. Written from the documentation,
 * https://docs.github.com/en/rest.
 */
export default defineSource({
  name: "github",
  environment: z.object({
    /** `owner/name` */
    GITHUB_REPOSITORY: z.string().regex(/^[\w.-]+\/[\w.-]+$/, { error: "expected owner/name" }),
    /** Without one only public repositories are readable, at 60 requests per hour instead of 5,000. */
    GITHUB_TOKEN: z.string().optional(),
    GITHUB_URL: urlVariable().default("https://api.github.com"),
  }),
  define: (env) => ({
    baseUrl: env.GITHUB_URL,
    auth: env.GITHUB_TOKEN === undefined ? noAuth : bearer(env.GITHUB_TOKEN),
    headers: { accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28" },
    // GitHub asks for few requests at once; what is left of the hour it says in headers, which are obeyed.
    concurrency: 2,
    streams: {
      issues: defineStream({
        path: `/repos/${env.GITHUB_REPOSITORY}/issues`,
        // Sorted by creation although asked for by change: pages are numbered, and a change would move a record of the pages
        // already read to the end, and one that was not read yet to where nobody looks again.
        query: { state: "all", sort: "created", direction: "asc", per_page: "100" },
        schema: issue,
        contract: selected,
        output: z.object({
          number: z.int(),
          title: z.string(),
          state: z.string(),
          state_reason: z.string().nullable(),
          body: z.string().nullable(),
          author: z.string().nullable(),
          labels: z.array(z.string()),
          milestone: z.string().nullable(),
          is_pull_request: z.boolean(),
          merged_at: z.iso.datetime().nullable(),
          comments: z.int(),
          commented_number: z.int().nullable(),
          url: z.string(),
          created_at: z.iso.datetime(),
          updated_at: z.iso.datetime(),
          closed_at: z.iso.datetime().nullable(),
        }),
        transform: ({ user, labels, milestone, pull_request, html_url, ...same }) => ({
          ...same,
          state_reason: same.state_reason ?? null,
          body: same.body ?? null,
          author: user?.login ?? null,
          labels: labels.map((label) => (typeof label === "string" ? label : label.name)),
          milestone: milestone?.title ?? null,
          // The API lists pull requests among the issues: return null here to leave them out.
          is_pull_request: pull_request !== undefined,
          merged_at: pull_request?.merged_at ?? null,
          // What has no comments is no parent, which saves a request for each.
          commented_number: same.comments > 0 ? same.number : null,
          url: html_url,
        }),
        key: "number",
        cursor: { field: "updated_at" },
        version: { field: "updated_at", kind: "timestamp" },
        eventTime: "updated_at",
        paginator: linkHeader({ since: { query: "since", format: "iso-seconds" } }),
        // An answer that nothing has changed does not count against the limit.
        conditional: true,
        schedule: every("10m"),
        freshness: "30m",
      }),
      comments: defineStream({
        parent: { stream: "issues", fields: z.object({ commented_number: z.int() }) },
        path: `/repos/${env.GITHUB_REPOSITORY}/issues/{commented_number}/comments`,
        query: { per_page: "100" },
        schema: comment,
        contract: selected,
        output: z.object({
          id: z.int(),
          issue_number: z.int(),
          author: z.string().nullable(),
          body: z.string().nullable(),
          url: z.string(),
          created_at: z.iso.datetime(),
          updated_at: z.iso.datetime(),
        }),
        transform: ({ id, user, body, html_url, created_at, updated_at }, { parent }) => ({
          id,
          issue_number: parent.commented_number,
          author: user?.login ?? null,
          body: body ?? null,
          url: html_url,
          created_at,
          updated_at,
        }),
        key: "id",
        cursor: { field: "updated_at" },
        version: { field: "updated_at", kind: "timestamp" },
        eventTime: "created_at",
        paginator: linkHeader({ since: { query: "since", format: "iso-seconds" } }),
      }),
    },
  }),
});
