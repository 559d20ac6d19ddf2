import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import type {
  AppControllerRoute,
  AppViewRoute,
  BullBoardQueues,
  ControllerHandlerReturnType,
  ExternalJobUrl,
  IServerAdapter,
  UIConfig,
} from "@bull-board/api/typings/app";
import type { BullQueue } from "@penstock/queues/backend";

/** What Bull Board would have a server serve. */
export type Board = {
  routes: AppControllerRoute[];
  queues: BullBoardQueues;
  uiConfig: UIConfig;
  entry: AppViewRoute;
  viewsPath: string;
  assetsPath: string;
  onError(error: Error): ControllerHandlerReturnType;
};

/**
 * Bull Board on these queues, as data. Its adapters for servers bring a template engine along and know one kind of user; this has
 * only its library and pages, and a board each for readers and for who may act.
 */
export function collectBoard(queues: readonly BullQueue[], options: { isReadOnly: boolean }): Board {
  const collected: Partial<Board> = {};
  const collector: IServerAdapter = {
    setQueues: (given) => set({ queues: given }),
    setViewsPath: (viewsPath) => set({ viewsPath }),
    setStaticPath: (_route, assetsPath) => set({ assetsPath }),
    setEntryRoute: (entry) => set({ entry }),
    setErrorHandler: (onError) => set({ onError }),
    setApiRoutes: (routes) => set({ routes }),
    setUIConfig: (uiConfig) => set({ uiConfig }),
  };
  function set(part: Partial<Board>): IServerAdapter {
    Object.assign(collected, part);
    return collector;
  }
  const { isReadOnly } = options;
  const adapterOptions = { readOnlyMode: isReadOnly, allowRetries: !isReadOnly, externalJobUrl };
  const uiConfig = { boardTitle: "Penstock queues", miscLinks: [{ text: "Dashboard", url: "/" }] };
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(shown(queue), adapterOptions)),
    serverAdapter: collector,
    options: { uiConfig },
  });
  // Its constructor function calls each of the setters.
  return collected as Board;
}

/** The library's type is of a queue on Redis with a connection of its own making; it takes any. */
function shown(queue: BullQueue): ConstructorParameters<typeof BullMQAdapter>[0] {
  return queue as unknown as ConstructorParameters<typeof BullMQAdapter>[0];
}

/** From a job to the page of what it is about. */
function externalJobUrl({ data }: { data: unknown }): ExternalJobUrl {
  const { runId, letterId, id } =
    typeof data === "object" && data !== null ? (data as { [field: string]: unknown }) : {};
  if (typeof runId === "string") return { displayText: "Run", href: `/runs/${encodeURIComponent(runId)}` };
  const letter = letterId ?? id;
  if (typeof letter === "string")
    return { displayText: "Dead letter", href: `/dead-letters/${encodeURIComponent(letter)}` };
  return { displayText: "Dashboard", href: "/" };
}
