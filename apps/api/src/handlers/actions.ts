import { authorOf } from "../author.ts";
import type { Call, Handlers } from "../handler.ts";
import { requireStream } from "./streams.ts";

/** As `penstock pause` and `penstock resume`; answers with how the stream stands then. */
const setPaused =
  (isPaused: boolean) =>
  async ({ params, body, api, caller }: Pick<Call<"pauseStream">, "params" | "body" | "api" | "caller">) => {
    requireStream(await api.overview.streams(), params);
    const { source, stream } = params;
    await api.pipeline.store.setPaused(source, stream, isPaused, authorOf(caller, body.reason));
    return requireStream(await api.overview.freshStreams(), params);
  };

export const actionHandlers = {
  pauseStream: setPaused(true),
  resumeStream: setPaused(false),
} satisfies Partial<Handlers>;
