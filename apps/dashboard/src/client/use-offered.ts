import { useQuery } from "@tanstack/react-query";
import { addresses, type Operation } from "./addresses.ts";

type Description = { paths: { [path: string]: object } };

/** Whether the API that is behind the page offers an operation: what it does not is not shown. False until that is known. */
export function useOffered(operation: Operation): boolean {
  const { data } = useQuery({ queryKey: ["openapi"], queryFn: readDescription, staleTime: Number.POSITIVE_INFINITY });
  const [, path = ""] = addresses[operation].split(" ");
  return data !== undefined && path in data.paths;
}

async function readDescription(): Promise<Description> {
  const response = await fetch("/openapi.json");
  return await response.json();
}
