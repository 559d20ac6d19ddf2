import { serve } from "@penstock/runtime/serve";
import { startScheduler } from "./start-scheduler.ts";

process.exitCode = await serve("scheduler", startScheduler, process);
