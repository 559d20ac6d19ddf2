import { serve } from "@penstock/runtime/serve";
import { startFetcher } from "./start-fetcher.ts";

process.exitCode = await serve("fetcher", startFetcher, process);
