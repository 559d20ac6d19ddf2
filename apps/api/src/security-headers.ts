import helmet from "@fastify/helmet";
import type { FastifyInstance } from "fastify";

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

/** Of Bull Board's page: the same, and this one style of its own. */
export const boardHeaders = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { ...policy, styleSrc: [...policy.styleSrc, boardIconStyle] },
  },
};

export async function setSecurityHeaders(server: FastifyInstance, { isTls }: { isTls: boolean }): Promise<void> {
  await server.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: policy },
    frameguard: { action: "sameorigin" },
    referrerPolicy: { policy: "no-referrer" },
    // Over plain HTTP it would mean nothing.
    strictTransportSecurity: isTls,
  });
}
