import type { RouteResponse } from "@penstock/api-contract/routes";
import { keepPreviousData, type UseQueryResult, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { Operation } from "./addresses.ts";
import { useIsLive } from "./live-state.ts";
import { type Given, request } from "./request.ts";

/** How often what is shown is asked for again: rarely while events tell what changed, else often. */
const safetyIntervalMs = 30_000;
const pollingIntervalMs = 5_000;
/**
 * What events do not tell: a letter that is put back and comes back between two looks leaves the count as it was, deletions are found
 * behind the end of their run, and a backfill ends behind that of its last.
 */
const askedOften = new Set<Operation>(["listLetters", "groupLetters", "getLetter", "listDeletions", "listBackfills"]);

/** What an operation answers, kept up to date while it is shown. */
export function useOperation<N extends Operation>(
  operation: N,
  given: Given<N>,
  options: { intervalMs?: number } = {},
): UseQueryResult<RouteResponse<N>> {
  const usualMs = useIsLive() && !askedOften.has(operation) ? safetyIntervalMs : pollingIntervalMs;
  return useQuery({
    queryKey: [operation, given],
    queryFn: ({ signal }) => request(operation, { ...given, signal }),
    refetchInterval: options.intervalMs ?? usualMs,
    placeholderData: keepPreviousData,
  });
}

/** Something to do. When it was done, all that is shown is asked for again: it may be about anything. */
export function useAction<N extends Operation>(operation: N) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (given: Given<N>) => request(operation, given),
    onSuccess: () => client.invalidateQueries(),
  });
}
