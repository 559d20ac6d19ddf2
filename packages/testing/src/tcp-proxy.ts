import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** A network between a program and a server, to be disturbed. */
export type TcpProxy = {
  /** Where to connect to instead of the server. */
  readonly port: number;
  /** Ends every connection as a router that lost its state would; new ones are let through. */
  reset(): void;
  /** Ends every connection and lets none through until `restore`. To its servers, the program is dead. */
  cut(): void;
  restore(): void;
  /** How many connections were not let through. */
  refused(): number;
  /** Adds so much to the way of every chunk, in either direction; 0 for none. */
  slowDown(delayMs: number): void;
  close(): Promise<void>;
};

/** Passes connections on loopback to the server at `target`, an address with host and port. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let isCut = false;
  let refused = 0;
  let delayMs = 0;

  const server = createServer((client) => {
    if (isCut) {
      refused += 1;
      return void client.destroy();
    }
    const upstream = connect({ host: hostname, port: Number(port) });
    join(client, upstream);
    join(upstream, client);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");

  function join(from: Socket, to: Socket): void {
    sockets.add(from);
    from.setNoDelay(true);
    let late: Promise<unknown> | undefined;
    from.on("data", (chunk) => {
      // Nothing overtakes what is still on its way.
      if (delayMs === 0 && late === undefined) return void to.write(chunk);
      const mine: Promise<unknown> = (late ?? Promise.resolve())
        .then(() => delay(delayMs))
        .then(() => {
          if (to.writable) to.write(chunk);
          if (late === mine) late = undefined;
        });
      late = mine;
    });
    from.on("error", () => to.destroy());
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
  }

  const reset = () => {
    for (const socket of sockets) socket.destroy();
  };
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A TCP server has no port");
  return {
    port: address.port,
    reset,
    cut: () => {
      isCut = true;
      reset();
    },
    restore: () => {
      isCut = false;
    },
    refused: () => refused,
    slowDown: (ms) => {
      delayMs = ms;
    },
    close: async () => {
      isCut = true;
      reset();
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}
