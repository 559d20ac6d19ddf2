import { type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import { thisProcess } from "./this-process.ts";

/** Whose spans and metrics they are. Without the instance, the counters of replicas would be one series that jumps to and fro. */
export function otlpResource(serviceName: string): Resource {
  const { host, pid } = thisProcess();
  return resourceFromAttributes({
    "service.name": serviceName,
    "service.namespace": "penstock",
    "service.instance.id": `${host}:${pid}`,
    "host.name": host,
    "process.pid": pid,
  });
}
