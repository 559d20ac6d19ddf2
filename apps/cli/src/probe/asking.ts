import type { Config } from "@penstock/config/config";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import type { Source } from "@penstock/source/model";
import type { PreviewOptions } from "@penstock/source/preview";

/** What every request of a command that only looks is sent with. */
export type Asking = Pick<PreviewOptions, "signal" | "tokens">;

/**
 * For most sources nothing is opened. One with a refresh token takes turns with the processes that run: the token that it is given
 * in exchange works once, and must be in the database when they look for it.
 */
export async function openAsking(
  config: Config,
  source: Source,
  { signal, stack }: { signal: AbortSignal; stack: AsyncDisposableStack },
): Promise<Asking> {
  if (source.auth.needsTokens !== true) return { signal };
  const store = stack.adopt(await openConfiguredStore(config), (opened) => opened.close());
  return { signal, tokens: store.tokens };
}
