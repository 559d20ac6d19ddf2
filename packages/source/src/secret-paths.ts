import type { Source, Stream } from "./model.ts";

/*
 * APIs that are known by a secret in the path repeat it in their links. Links travel in jobs and stand in letters without it, and it is
 * put back when they are followed, where they lead to the API itself.
 */

/** What the definition has in a path that is secret, and as it may be shown. */
function secretPaths({ baseUrl, conceal }: Source, { path }: Stream): { secret: string; shown: string }[] {
  return [new URL(baseUrl).pathname, path].flatMap((secret) => {
    const shown = conceal(secret);
    return shown === secret ? [] : [{ secret, shown }];
  });
}

export function concealPath(source: Source, stream: Stream, link: string): string {
  return secretPaths(source, stream).reduce((text, { secret, shown }) => text.replaceAll(secret, shown), link);
}

export function revealPath(source: Source, stream: Stream, link: string): string {
  const { origin } = new URL(source.baseUrl);
  if (URL.parse(link, source.baseUrl)?.origin !== origin) return link;
  return secretPaths(source, stream).reduce((text, { secret, shown }) => text.replaceAll(shown, secret), link);
}
