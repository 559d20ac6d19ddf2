import { serve } from "@penstock/runtime/serve";
import { startScheduler } from "./start-scheduler.ts";

await serve("scheduler", startScheduler, process);
