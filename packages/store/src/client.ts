import type { PrismaClient } from "../generated/postgresql/client.ts";

/** Both generated clients have this shape; a test proves their schemas equal. */
export type Prisma = PrismaClient;
/** The client inside a transaction. */
export type Transaction = Omit<PrismaClient, "$connect" | "$disconnect" | "$on" | "$use" | "$extends" | "$transaction">;
