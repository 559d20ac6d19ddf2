import { ConfigError } from "@penstock/core/errors";
import { type Auth, apiKey, bearer, customAuth, noAuth } from "@penstock/source/auth";

/** A secret of the new source: where it is sent, the variable it is read from, and its value, which is never written. */
export type Secret = {
  variable: string;
  value: string;
  place: { kind: "bearer" } | { kind: "header"; name: string } | { kind: "query"; name: string };
};

/** What goes with every request: `headers` are harmless and stand in the file, `secrets` are read from variables. */
export type Credentials = { headers: Record<string, string>; secrets: Secret[] };

const harmless = /^(accept|accept-.*|user-agent|content-type|.*-?version|x-requested-with)$/i;
const secretParameter = /token|secret|passw|key|appid|auth|signature|credential/i;

/**
 * Sorts the headers of the command line and the parameters of the address into what is harmless and what is secret.
 *
 * @throws ConfigError `CONFIG_INVALID` for a header that is not `Name: value`
 */
export function sortCredentials(source: string, given: readonly string[], url: URL): Credentials {
  const headers = given.map(parseHeader);
  const secretParameters = [...url.searchParams].filter(([name]) => isSecretParameter(name));
  return {
    headers: Object.fromEntries(headers.filter(([name]) => harmless.test(name))),
    secrets: [
      ...headers.filter(([name]) => !harmless.test(name)).map(([name, value]) => headerSecret(source, name, value)),
      ...secretParameters.map(([name, value]) => ({
        variable: variableName(source, name),
        value,
        place: { kind: "query", name } as const,
      })),
    ],
  };
}

/** Names of paging tokens are no secrets. */
function isSecretParameter(name: string): boolean {
  return secretParameter.test(name) && !/page|cursor|next|keyword/i.test(name);
}

function parseHeader(text: string): [string, string] {
  const [, name, value] = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(.*\S)\s*$/.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return [name.toLowerCase(), value];
  throw new ConfigError("CONFIG_INVALID", `--header: expected "Name: value", received ${text.length} characters`, {
    remedy: "quote it: --header 'Authorization: Bearer …'",
  });
}

function headerSecret(source: string, name: string, value: string): Secret {
  const [, token] = /^Bearer\s+(.+)$/i.exec(value) ?? [];
  if (name === "authorization" && token !== undefined) {
    return { variable: variableName(source, "token"), value: token, place: { kind: "bearer" } };
  }
  return { variable: variableName(source, name), value, place: { kind: "header", name } };
}

function variableName(source: string, name: string): string {
  const words = name.replace(/^x-/, "").replaceAll(/[^a-z0-9]+/gi, "_");
  return `${source}_${words}`.toUpperCase();
}

/** How the secrets are sent; several of them together by a function. */
export function authOf({ secrets }: Credentials): Auth {
  const [first, ...others] = secrets;
  if (first === undefined) return noAuth;
  const { place, value } = first;
  if (others.length > 0) return customAuth(() => sentTogether(secrets));
  if (place.kind === "bearer") return bearer(value);
  return place.kind === "header"
    ? apiKey({ key: value, header: place.name })
    : apiKey({ key: value, query: place.name });
}

function sentTogether(secrets: Secret[]): { headers: Record<string, string>; query: Record<string, string> } {
  const entries = (kind: "header" | "query") =>
    secrets.flatMap(({ place, value }) => (place.kind === kind ? [[place.name, value]] : []));
  const bearers = secrets.flatMap(({ place, value }) =>
    place.kind === "bearer" ? [["authorization", `Bearer ${value}`]] : [],
  );
  return {
    headers: Object.fromEntries([...bearers, ...entries("header")]),
    query: Object.fromEntries(entries("query")),
  };
}
