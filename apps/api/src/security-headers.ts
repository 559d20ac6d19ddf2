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

export async function setSecurityHeaders(server: FastifyInstance, { isTls }: { isTls: boolean }): Promise<void> {
  await server.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: policy },
    frameguard: { action: "sameorigin" },
    referrerPolicy: { policy: "no-referrer" },
    // Over plain HTTP it would mean nothing.
    strictTransportSecurity: isTls,
  });
}
