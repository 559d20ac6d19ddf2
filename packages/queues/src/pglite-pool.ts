import type { PgPool, PgPoolClient, PgQueryResult } from "bullmq";
import type { PgliteSession } from "./pglite-thread.ts";

/**
 * Makes a PGlite look like a `pg.Pool`, as far as BullMQ looks. All of its clients are one session, so a client that
 * begins a transaction has the session to itself until it ends it, and a notification reaches every client, whoever
 * asked for it.
 */
export function createPglitePool(db: PgliteSession): PgPool {
  const turns = createTurns();

  async function run(text: string, params?: readonly unknown[]): Promise<PgQueryResult> {
    // Only the simple protocol takes several statements at once, only the extended one takes parameters.
    if (params !== undefined && params.length > 0) return await db.query(text, [...params]);
    return (await db.exec(text)).at(-1) ?? { rows: [] };
  }

  function connect(): PgPoolClient {
    const listeners = new Set<Listener>();
    const forget = db.onNotification((channel, payload) => {
      for (const listener of listeners) listener({ channel, payload });
    });
    const session = createSession(run, turns);
    const client: PgPoolClient = {
      query: session.query,
      on: (event: string, listener: Listener) => {
        if (event === "notification") listeners.add(listener);
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
        forget();
        session.end();
      },
    };
    return client;
  }

  const pool: PgPool = {
    query: async (text: string, params?: readonly unknown[]) => await turns.take(() => run(text, params)),
    connect: async () => connect(),
    // The session is in this process: nothing of it can break by itself, and its owner closes it.
    on: () => pool,
    removeAllListeners: () => pool,
    end: async () => undefined,
  };
  return pool;
}

/**
 * Of notifications; a session in this process has neither errors nor an end. BullMQ types each event's listener apart.
 */
// biome-ignore lint/suspicious/noExplicitAny: the only type that all of those are assignable to
type Listener = (message: any) => void;

type Run = (text: string, params?: readonly unknown[]) => Promise<PgQueryResult>;

/** A client: BEGIN takes the turn, COMMIT or ROLLBACK gives it back, and so does leaving without either. */
function createSession(run: Run, turns: Turns): { query: Run; end(): void } {
  let endTurn: (() => void) | undefined;
  const end = () => {
    endTurn?.();
    endTurn = undefined;
  };
  async function query(text: string, params?: readonly unknown[]): Promise<PgQueryResult> {
    if (/^\s*BEGIN\b/i.test(text)) endTurn = await turns.hold();
    else if (endTurn === undefined) return turns.take(() => run(text, params));
    try {
      return await run(text, params);
    } finally {
      if (/^\s*(COMMIT|ROLLBACK)\b/i.test(text)) end();
    }
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
  const wait = async () => {
    while (open !== undefined) await open;
  };
  return {
    take: async (work) => {
      if (open !== undefined) await wait();
      return await work();
    },
    hold: async () => {
      await wait();
      const { promise, resolve } = Promise.withResolvers<void>();
      open = promise;
      return () => {
        open = undefined;
        resolve();
      };
    },
  };
}
