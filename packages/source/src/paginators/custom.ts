import { z } from "zod";
import type { CursorShape, NextPage, PageRequest, PageSeen, Paginator } from "../paginator.ts";

export type CustomOptions = {
  /** The first request of a run from `bound`, cursor text; default: nothing added to the stream's own. */
  first?: (bound: string | null, cursor: CursorShape | undefined) => PageRequest;
  /** The request for the page behind this one, made with `asked`; `undefined` at the end. */
  next: (page: PageSeen, asked: PageRequest) => PageRequest | undefined;
};

const positionSchema = z.object({
  query: z.record(z.string(), z.string()).exactOptional(),
  body: z.record(z.string(), z.json()).exactOptional(),
  headers: z.record(z.string(), z.string()).exactOptional(),
  url: z.string().exactOptional(),
});

/** Pages as a function says. It holds no state but the request before. */
export function custom({ first, next }: CustomOptions): Paginator {
  return {
    kind: "custom",
    start: (bound, cursor) => ({ ...first?.(bound, cursor) }),
    request: (position) => positionSchema.parse(position),
    next: (position, page): NextPage => {
      const request = next(page, positionSchema.parse(position));
      return request === undefined ? { kind: "end" } : { kind: "next", position: { ...request } };
    },
  };
}
