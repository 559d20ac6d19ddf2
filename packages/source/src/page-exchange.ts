import type { JsonValue } from "@penstock/core/json";
import type { Credentials } from "./auth.ts";
import { errorFor, type Progress, type RequestLabel } from "./classify.ts";
import { actionFor, type ErrorAction } from "./error-rules.ts";
import type { HttpAnswer, HttpClient, HttpRequest } from "./http-client.ts";
import type { Source, Stream } from "./model.ts";
import { hasRecords, type PageContent, readContent } from "./page-content.ts";
import type { OnPart } from "./page-parts.ts";
import { conditionsOf, type Validator } from "./page-request.ts";
import { excerptOf, parseBody, readBody } from "./read-body.ts";

/** A request for a page that is under way. */
export type Exchange = {
  source: Source;
  stream: Stream;
  client: HttpClient;
  sent: HttpRequest;
  label: RequestLabel;
  signal: AbortSignal;
  validator: Validator | undefined;
  /** What the paginator has to say about this request. */
  remark: string | undefined;
  onPart: OnPart;
  /** How far it has come. */
  progress: Progress;
};

export type Received = Pick<HttpAnswer, "status" | "headers"> & {
  /** `undefined` when there is none, or a rule says to ignore it. */
  content: PageContent | undefined;
  isNotModified: boolean;
};

/**
 * Sends the request and reads the answer. Credentials that the API refuses are renewed once.
 *
 * @throws TransientError, ThrottledError, PermanentError as the rules say, and Error of undici
 */
export async function exchange(under: Exchange): Promise<Received> {
  const { client, signal } = under;
  const unsigned = client.unsigned(under.sent);
  const credentials = await client.authorizer.credentials(unsigned, signal);
  const first = await attempt(under, credentials);
  if (!mayRenew(first)) return settled(under, first);
  const renewed = await client.authorizer.renew(credentials, unsigned, signal);
  return settled(under, renewed === undefined ? first : await attempt(under, renewed));
}

type Attempt = Received & { action: ErrorAction | undefined; beginning: Buffer };

/** Not once parts of the answer have been handed over. */
function mayRenew({ action, content }: Attempt): boolean {
  return action === "refreshToken" && content?.seen === undefined;
}

async function attempt(under: Exchange, credentials: Credentials): Promise<Attempt> {
  const { client, sent, source, stream } = under;
  const conditions = conditionsOf(sent, under.validator);
  under.progress = "waiting";
  const answer = await client.send({ ...sent, headers: { ...sent.headers, ...conditions } }, credentials, under.signal);
  under.progress = "reading";
  const { status, headers } = answer;
  if (status === 304 && Object.keys(conditions).length > 0) {
    await answer.body.dump();
    return { status, headers, content: undefined, isNotModified: true, action: undefined, beginning: Buffer.alloc(0) };
  }
  const { content, beginning, body } = await readAnswer(under, answer);
  const records = content && { hasRecords: () => hasRecords(stream, content) };
  const action = actionFor([...stream.errors, ...source.errors], { status, headers, body, ...records });
  return { status, headers, content, isNotModified: false, action, beginning };
}

type ReadAnswer = { content: PageContent | undefined; beginning: Buffer; body: JsonValue | undefined };

async function readAnswer(under: Exchange, answer: HttpAnswer): Promise<ReadAnswer> {
  const { stream, client, onPart } = under;
  const { conceal } = client;
  if (answer.status >= 200 && answer.status < 300 && answer.status !== 204) {
    const content = await readContent(answer, { stream, conceal, onPart });
    return { content, beginning: content.beginning, body: content.body };
  }
  const beginning = await readExcerpt(answer);
  return { content: undefined, beginning, body: jsonIn(beginning, answer.headers["content-type"]) };
}

const errorExcerptBytes = 64 * 1024;

/** The body of an answer that is an error serves rules and message only: what cannot be read of it is left out. */
async function readExcerpt({ body, headers }: HttpAnswer): Promise<Buffer> {
  try {
    return await readBody(body, headers["content-encoding"], errorExcerptBytes);
  } catch {
    return Buffer.alloc(0);
  }
}

function jsonIn(text: Buffer, contentType: string | undefined): JsonValue | undefined {
  try {
    return parseBody(text, contentType, String);
  } catch {
    return undefined;
  }
}

function settled(under: Exchange, { action, beginning, ...received }: Attempt): Received {
  const { status, headers } = received;
  const excerpt = action === undefined ? "" : excerptOf(beginning, under.client.conceal);
  const answer = { status, headers, excerpt, remark: under.remark, now: new Date() };
  const error = errorFor(action, answer, under.label);
  if (error !== undefined) throw error;
  return action === "ignore" ? { ...received, content: undefined } : received;
}
