/** Adds credentials to a request's headers. Closures hold the secret, so that no log or job can show it. */
export type Auth = {
  kind: string;
  apply(headers: Record<string, string>): void;
  /** A text without the credentials: APIs repeat them in their answers, which errors quote. */
  conceal(text: string): string;
};

export const noAuth: Auth = { kind: "none", apply: () => {}, conceal: (text) => text };

/** `Authorization: Bearer <token>` (RFC 6750 §2.1). */
export function bearer(token: string): Auth {
  return {
    kind: "bearer",
    apply: (headers) => {
      headers["authorization"] = `Bearer ${token}`;
    },
    conceal: (text) => concealed(text, [token, encodeURIComponent(token)]),
  };
}

function concealed(text: string, secrets: string[]): string {
  return secrets
    .filter((secret) => secret !== "")
    .reduce((shown, secret) => shown.replaceAll(secret, "[concealed]"), text);
}
