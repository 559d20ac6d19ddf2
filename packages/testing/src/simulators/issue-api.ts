import { sendJson, startLoopbackServer } from "./loopback-server.ts";

export type Issue = { number: number; title: string; updated_at: string };
export type Comment = { id: number; body: string; updated_at: string };

/**
 * An issue tracker: `GET /issues?since=` and `GET /issues/{number}/comments?since=`, each sorted by `updated_at`, with the
 * records from that time on. Ids of comments are unique within their issue only.
 */
export type IssueApi = {
  url: string;
  issues: Issue[];
  comments: Map<number, Comment[]>;
  /** Issues whose comments answer 404. */
  hidden: Set<number>;
  /** Path and query of each request, in order. */
  requests: string[];
  /** Adds an issue, or gives one that is there a new time, and adds so many comments to it. */
  touch(number: number, comments: number): void;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startIssueApi(options: { issues: number; commentsEach: number }): Promise<IssueApi> {
  const issues: Issue[] = [];
  const comments = new Map<number, Comment[]>();
  const hidden = new Set<number>();
  const requests: string[] = [];
  let clock = Date.UTC(2026, 0, 1);
  const now = () => {
    clock += 1_000;
    return new Date(clock).toISOString();
  };

  function touch(number: number, count: number): void {
    const at = now();
    const known = issues.findIndex((issue) => issue.number === number);
    if (known >= 0) issues.splice(known, 1);
    issues.push({ number, title: `issue ${number} of ${at}`, updated_at: at });
    const thread = comments.get(number) ?? [];
    for (let i = 0; i < count; i += 1) thread.push({ id: thread.length + 1, body: `on ${number}`, updated_at: now() });
    comments.set(number, thread);
  }

  for (let number = 1; number <= options.issues; number += 1) touch(number, options.commentsEach);
  const server = await startLoopbackServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://loopback");
    requests.push(url.pathname + url.search);
    const [, number] = /^\/issues\/(\d+)\/comments$/.exec(url.pathname) ?? [];
    const found = number === undefined ? issues : comments.get(Number(number));
    if (found === undefined || hidden.has(Number(number))) return sendJson(response, 404, '{"message":"Not Found"}');
    const since = Date.parse(url.searchParams.get("since") ?? "1970-01-01T00:00:00Z");
    const limit = Number(url.searchParams.get("limit"));
    sendJson(
      response,
      200,
      JSON.stringify(found.filter(({ updated_at }) => Date.parse(updated_at) >= since).slice(0, limit)),
    );
  });
  return { url: server.url, issues, comments, hidden, requests, touch, [Symbol.asyncDispose]: () => server.close() };
}
