import type { PgPool, PgPoolClient, PgQueryResult } from "bullmq";
import type { LastingPglite } from "./lasting-pglite.ts";
import type { PgliteSession } from "./pglite-thread.ts";

/**
 * Makes a PGlite look like a `pg.Pool`, as far as BullMQ looks. All of its clients are one session, so a client that
 * begins a transaction has the session to itself until it ends it, and a notification reaches every client, whoever
 * asked for it. When the session ends, every client hears of an error, as of a broken connection; BullMQ then listens anew.
 */
export function createPglitePool(db: PgliteSession & Partial<Pick<LastingPglite, "onEnd">>): PgPool {
  const turns = createTurns();
  const failed = new Set<Listener>();
  db.onEnd?.((cause) => {
    for (const listener of [...failed]) listener(cause);
  });

  async function run(text: string, params?: readonly unknown[]): Promise<PgQueryResult> {
    // Only the simple protocol takes several statements at once, only the extended one takes parameters.
    if (params !== undefined && params.length > 0) return await db.query(text, [...params]);
    return (await db.exec(text)).at(-1) ?? { rows: [] };
  }

  function connect(): PgPoolClient {
    const listeners = new Set<Listener>();
    const own = new Set<Listener>();
    const forget = db.onNotification((channel, payload) => {
      for (const listener of listeners) listener({ channel, payload });
    });
    const session = createSession(run, turns);
    const client: PgPoolClient = {
      query: session.query,
      on: (event: string, listener: Listener) => {
        if (event === "notification") listeners.add(listener);
        if (event === "error") {
          own.add(listener);
          failed.add(listener);
        }
        return client;
      },
      removeListener: (_event: string, listener: Listener) => {
        listeners.delete(listener);
        return client;
      },
      removeAllListeners: () => {
        listeners.clear();
        return client;
      },
      release: () => {
        listeners.clear();
        for (const listener of own) failed.delete(listener);
        forget();
        session.end();
      },
    };
    return client;
  }

  const pool: PgPool = {
    query: async (text: string, params?: readonly unknown[]) => await turns.take(() => run(text, params)),
    connect: async () => connect(),
    // Its owner hears of its end, opens it again and closes it.
    on: () => pool,
    removeAllListeners: () => pool,
    end: async () => undefined,
  };
  return pool;
}

/** Of notifications and of errors; BullMQ types each event's listener apart. */
// biome-ignore lint/suspicious/noExplicitAny: the only type that all of those are assignable to
type Listener = (message: any) => void;

type Run = (text: string, params?: readonly unknown[]) => Promise<PgQueryResult>;

/**
 * A client: BEGIN takes the turn, COMMIT or ROLLBACK gives it back, and so does leaving without either. After an error the rest of a
 * transaction fails too, as in Postgres, even when another Postgres would answer by now that knows nothing of it.
 */
function createSession(run: Run, turns: Turns): { query: Run; end(): void } {
  let endTurn: (() => void) | undefined;
  let failure: unknown;
  const end = () => {
    endTurn?.();
    endTurn = undefined;
    failure = undefined;
  };
  async function inTransaction(text: string, params?: readonly unknown[]): Promise<PgQueryResult> {
    try {
      if (failure !== undefined && !/^\s*ROLLBACK\b/i.test(text)) throw failure;
      return await run(text, params);
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      if (/^\s*(COMMIT|ROLLBACK)\b/i.test(text)) end();
    }
  }
  async function query(text: string, params?: readonly unknown[]): Promise<PgQueryResult> {
    if (/^\s*BEGIN\b/i.test(text)) endTurn = await turns.hold();
    else if (endTurn === undefined) return turns.take(() => run(text, params));
    return await inTransaction(text, params);
  }
  return { query, end };
}

type Turns = {
  /** Runs `work` when no transaction is open. */
  take<T>(work: () => Promise<T>): Promise<T>;
  /** Waits for the turn and keeps it until the function returned is called. */
  hold(): Promise<() => void>;
};

/** PGlite puts single statements in order by itself; what is to be kept apart is statements and transactions. */
function createTurns(): Turns {
  let open: Promise<void> | undefined;
  return {
    take: async (work) => {
      while (open !== undefined) await open;
      return await work();
    },
    hold: async () => {
      // Nothing is awaited between seeing that the turn is free and taking it: several may wait for the same end.
      while (open !== undefined) await open;
      const { promise, resolve } = Promise.withResolvers<void>();
      open = promise;
      return () => {
        open = undefined;
        resolve();
      };
    },
  };
}
