/** Adds credentials to a request's headers. Closures hold the secret, so that no log or job can show it. */
export type Auth = { kind: string; apply(headers: Record<string, string>): void };

export const noAuth: Auth = { kind: "none", apply: () => {} };

/** `Authorization: Bearer <token>` (RFC 6750 §2.1). */
export function bearer(token: string): Auth {
  return {
    kind: "bearer",
    apply: (headers) => {
      headers["authorization"] = `Bearer ${token}`;
    },
  };
}
