import { serve } from "@penstock/runtime/serve";
import { startFetcher } from "./start-fetcher.ts";

await serve("fetcher", startFetcher, process);
