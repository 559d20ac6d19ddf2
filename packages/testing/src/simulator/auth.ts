import { basicCredentials } from "./basic-credentials.ts";
import { createOauth2Server, type Oauth2Options, type Oauth2Server } from "./oauth2.ts";
import type { Asked } from "./paging.ts";

export type SimulatedAuth =
  | { kind: "none" }
  | { kind: "bearer"; token: string }
  | { kind: "api-key"; in: "header" | "query"; name: string; key: string }
  | { kind: "basic"; username: string; password: string }
  | ({ kind: "oauth2" } & Oauth2Options);

export type AuthGuard = {
  accepts(asked: Asked): boolean;
  /** Gives out tokens at `POST /oauth/token`; of OAuth 2 only. */
  oauth2: Oauth2Server | undefined;
};

export function createAuthGuard(auth: SimulatedAuth, now: () => number): AuthGuard {
  const oauth2 = auth.kind === "oauth2" ? createOauth2Server(auth, now) : undefined;
  return { oauth2, accepts: (asked) => accepts(auth, oauth2, asked) };
}

function accepts(auth: SimulatedAuth, oauth2: Oauth2Server | undefined, { url, headers }: Asked): boolean {
  const authorization = headers["authorization"];
  switch (auth.kind) {
    case "none":
      return true;
    case "bearer":
      return authorization === `Bearer ${auth.token}`;
    case "basic":
      return authorization === basicCredentials(auth.username, auth.password);
    case "api-key":
      return (auth.in === "query" ? url.searchParams.get(auth.name) : headers[auth.name.toLowerCase()]) === auth.key;
    case "oauth2":
      return oauth2?.isValid(authorization) === true;
  }
}
