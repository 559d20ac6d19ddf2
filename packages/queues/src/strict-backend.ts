import type { IQueueBackend } from "bullmq";

type AddFlow = IQueueBackend["addFlow"];

/**
 * Makes adding jobs fail when a job was not added. BullMQ's producer adds several jobs to several queues as one
 * transaction, but resolves as if all were well when the answer holds errors, or none: with Postgres down, or with
 * Redis having lost its scripts.
 */
export function strictBackend<B extends IQueueBackend>(backend: B): B {
  const addFlow: AddFlow = backend.addFlow.bind(backend);
  backend.addFlow = async (entries) => {
    const answers = await addFlow(entries);
    for (const [index] of entries.entries()) requireAdded(answers.at(index));
    return answers;
  };
  return backend;
}

/** An answer is an error, the id of the job (new, or known already), or a negative number saying why there is none. */
function requireAdded(answer: Awaited<ReturnType<AddFlow>>[number] | undefined): void {
  if (answer === undefined) throw new Error("the queue did not say whether it took the job");
  const [error, id] = answer;
  if (error !== null) throw error;
  if (typeof id !== "string" || id === "") throw new Error(`the queue refused the job (${id})`);
}
