import { GenericContainer, getContainerRuntimeClient } from "testcontainers";
import { freePort } from "./free-port.ts";
import { type ServerKind, serverKinds, type TestServer, waitUntilAnswering } from "./server-kinds.ts";

/** True when a Docker engine answers. */
export async function hasEngine(): Promise<boolean> {
  try {
    await getContainerRuntimeClient();
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts a server in a container. The host's port is fixed and not Docker's choice, which would be another one after
 * each restart.
 */
export async function startContainerServer(kind: ServerKind): Promise<TestServer> {
  const { image, port, settings } = serverKinds[kind];
  const hostPort = await freePort();
  const url = serverKinds[kind].url(hostPort);
  const container = await new GenericContainer(image)
    .withExposedPorts({ container: port, host: hostPort })
    .withEnvironment({ POSTGRES_USER: "penstock", POSTGRES_PASSWORD: "penstock", POSTGRES_DB: "postgres" })
    .withCommand([kind === "redis" ? "redis-server" : "postgres", ...settings])
    .start();
  await waitUntilAnswering(kind, url);
  const engine = await getContainerRuntimeClient();
  const handle = engine.container.getById(container.getId());
  return {
    url,
    how: `container ${image}`,
    kill: () => handle.kill({ signal: "SIGKILL" }),
    stop: () => handle.stop({ t: 10 }),
    start: async () => {
      await handle.start();
      await waitUntilAnswering(kind, url);
    },
    close: async () => {
      await container.stop({ remove: true, removeVolumes: true, timeout: 0 });
    },
  };
}
