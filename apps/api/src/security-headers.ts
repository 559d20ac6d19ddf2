import type { FastifyInstance } from "fastify";
import helmet from "helmet";

/*
 * Nothing is loaded from anywhere but here, no script or style stands in a page itself, and no other site's page frames ours.
 */
const policy = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", "data:"],
  fontSrc: ["'self'"],
  connectSrc: ["'self'"],
  manifestSrc: ["'self'"],
  frameSrc: ["'self'"],
  frameAncestors: ["'self'"],
  formAction: ["'self'"],
  baseUri: ["'self'"],
};

/** By its content: https://www.w3.org/TR/CSP3/#external-hash. The colours of an icon that Bull Board's script draws with. */
const boardIconStyle = "'sha256-r2N1TB/gHbBtBZFKg7ejmq1acVSREzucTAEw6ga4hoU='";

/** Bull Board's page may have the same, and this one style of its own. */
const policies = { own: policy, board: { ...policy, styleSrc: [...policy.styleSrc, boardIconStyle] } };

declare module "fastify" {
  interface FastifyContextConfig {
    /** Of a page that is not ours. */
    policy?: keyof typeof policies;
  }
}

/** Worked out once: Fastify's plugin does so for each request, which took a twentieth of the time that one takes. */
export function setSecurityHeaders(server: FastifyInstance, { isTls }: { isTls: boolean }): void {
  const writerOf = (directives: typeof policy) =>
    helmet({
      contentSecurityPolicy: { useDefaults: false, directives },
      frameguard: { action: "sameorigin" },
      referrerPolicy: { policy: "no-referrer" },
      // Over plain HTTP it would mean nothing.
      strictTransportSecurity: isTls,
    });
  const writers = { own: writerOf(policies.own), board: writerOf(policies.board) };
  server.addHook("onRequest", (request, reply, done) => {
    writers[request.routeOptions.config.policy ?? "own"](request.raw, reply.raw, (error) =>
      done(error as Error | undefined),
    );
  });
}
