import type { Author } from "@penstock/core/audit";
import { ConfigError } from "@penstock/core/errors";
import { requestRedrive } from "@penstock/pipeline/redrive";
import { deadLetterQueue } from "@penstock/queues/catalog";
import type { LetterFilter, StoredLetter } from "@penstock/store/store";
import { z } from "zod";
import { authorOf } from "../author.ts";
import { placeAt, placeText, readCursor, writeCursor } from "../cursor.ts";
import type { Call, Handler, Handlers } from "../handler.ts";
import { iso, jobUrl, parsedOrText, presentLetter, remedyOf } from "../present.ts";

const letterPlace = z.object({ firstSeenAt: placeAt, id: placeText });

const listLetters: Handler<"listLetters"> = async ({ query, api }) => {
  const { status, limit } = query;
  const after = readCursor(letterPlace, query.after);
  const found = await api.pipeline.store.queries.letters({
    ...filterOf(query),
    ...(status !== "any" && { status }),
    ...(after !== undefined && { after }),
    limit,
  });
  const last = found.length < limit ? undefined : found.at(-1);
  const next = last && writeCursor({ firstSeenAt: last.firstSeenAt, id: last.id });
  return { items: found.map(presentLetter), next: next ?? null };
};

type Filter = Pick<Call<"listLetters">["query"], "source" | "stream" | "code" | "stage" | "run" | "since" | "text">;

function filterOf({ source, stream, code, stage, run, since, text }: Filter): Omit<LetterFilter, "limit"> {
  return {
    ...(source !== undefined && { source }),
    ...(stream !== undefined && { stream }),
    ...(code !== undefined && { code }),
    ...(stage !== undefined && { stage }),
    ...(run !== undefined && { runId: run }),
    ...(since !== undefined && { since }),
    ...(text !== undefined && { text }),
  };
}

const groupLetters: Handler<"groupLetters"> = async ({ query, api }) => {
  const { source, stream, status } = query;
  const groups = await api.pipeline.store.queries.letterGroups({
    ...(source !== undefined && { source }),
    ...(stream !== undefined && { stream }),
    ...(status !== "any" && { status }),
  });
  const items = groups.map(({ firstSeenAt, lastSeenAt, example, ...group }) => ({
    ...group,
    firstSeenAt: iso(firstSeenAt),
    lastSeenAt: iso(lastSeenAt),
    exampleId: example.id,
    exampleMessage: example.message,
    remedy: remedyOf(group.code),
  }));
  return { items };
};

const getLetter: Handler<"getLetter"> = async ({ params, api }) => {
  const letter = await api.pipeline.store.readLetter(params.letter);
  if (letter === undefined) throw new ConfigError("LETTER_UNKNOWN", `there is no dead letter ${params.letter}`);
  return {
    ...presentLetter(letter),
    payload: z.json().parse(parsedOrText(letter.payload)),
    remedy: remedyOf(letter.code),
    queueUrl: letter.status === "open" ? jobUrl(deadLetterQueue, letter.id) : null,
  };
};

/** Letters named in an answer; all that are meant are acted on. */
const namedLetters = 100;

type ChoiceCall = Call<"redriveLetters"> | Call<"discardLetters">;
type ActOn = (filter: LetterFilter & { ids: string[] }, author: Author) => Promise<StoredLetter[]>;

/** What a choice of open letters means, and with `dryRun` nothing else; of the same letters, oldest first, whatever follows. */
async function actOn({ api, body, caller }: ChoiceCall, act: ActOn) {
  const { store } = api.pipeline;
  const { ids, limit, dryRun } = body;
  const filter = { ...filterOf(body), ...(ids !== undefined && { ids }), status: "open" as const };
  const [matched, chosen] = await Promise.all([store.countLetters(filter), store.listLetters({ ...filter, limit })]);
  const isAsked = dryRun || chosen.length === 0;
  const author = authorOf(caller, body.reason);
  const done = isAsked ? [] : await act({ ...filter, limit, ids: chosen.map(({ id }) => id) }, author);
  return { dryRun, matched, done: done.length, letters: chosen.slice(0, namedLetters).map(presentLetter) };
}

const redriveLetters: Handler<"redriveLetters"> = (call) =>
  actOn(call, (filter, author) => requestRedrive(call.api.pipeline, filter, author));

const discardLetters: Handler<"discardLetters"> = (call) =>
  actOn(call, ({ ids }, author) => call.api.pipeline.store.discardLetters(ids, author));

export const letterHandlers = {
  listLetters,
  groupLetters,
  getLetter,
  redriveLetters,
  discardLetters,
} satisfies Partial<Handlers>;
