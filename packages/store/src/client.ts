import type { PrismaClient } from "../generated/postgresql/client.ts";

/** Both generated clients have this shape; a test proves their schemas equal. */
export type Prisma = PrismaClient;
/** The client inside a transaction. */
export type Transaction = Omit<PrismaClient, "$connect" | "$disconnect" | "$on" | "$use" | "$extends" | "$transaction">;

/** `client` is made when it is first asked for something. */
export type LazyClient = { client: Prisma; disconnect(): Promise<void> };

/** A client takes 6 MB, and 20 more with its first query; of the processes that only work on pages none comes to ask it. */
export function lazyClient(make: () => Prisma): LazyClient {
  let made: Prisma | undefined;
  const client = new Proxy({} as Prisma, {
    get: (_, name) => {
      made ??= make();
      const value: unknown = Reflect.get(made, name);
      return typeof value === "function" ? value.bind(made) : value;
    },
  });
  return { client, disconnect: async () => await made?.$disconnect() };
}
