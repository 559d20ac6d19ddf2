import type { Deletion } from "@penstock/store/store";
import { authorOf } from "../author.ts";
import type { Call, Handler, Handlers } from "../handler.ts";
import { iso } from "../present.ts";

const listed = 100;

const listDeletions: Handler<"listDeletions"> = async ({ api }) => {
  const found = await api.pipeline.store.listDeletions({ status: "waiting", limit: listed });
  return { items: found.map(presentDeletion) };
};

/** As `penstock deletions approve` and `reject`; what is approved, the pipeline deletes within seconds. */
const decide =
  (isApproved: boolean) =>
  async ({ params, body, api, caller }: Pick<Call<"approveDeletion">, "params" | "body" | "api" | "caller">) =>
    presentDeletion(
      await api.pipeline.store.decideDeletion(params.deletion, isApproved, authorOf(caller, body.reason)),
    );

export const deletionHandlers = {
  listDeletions,
  approveDeletion: decide(true),
  rejectDeletion: decide(false),
} satisfies Partial<Handlers>;

function presentDeletion({ runId, source, stream, missing, known, foundAt, sample }: Deletion) {
  return {
    id: runId,
    source,
    stream,
    records: missing,
    share: known === 0 ? 0 : missing / known,
    foundAt: iso(foundAt),
    sample,
  };
}
