import { constants, setPriority } from "node:os";
import { codeOf } from "@penstock/core/decision";
import { builtPage } from "@penstock/dashboard/bundle";
import { serve } from "@penstock/runtime/serve";
import type { Logger } from "@penstock/telemetry/logger";
import { startApi } from "./start-api.ts";

process.exitCode = await serve(
  "api",
  async (runtime, stack) => {
    giveWay(runtime.context.logger);
    await startApi(runtime, stack, { dashboard: await builtPage() });
    return [];
  },
  process,
);

/** Who looks on waits for who works, where they share processors and these are busy. */
function giveWay(logger: Logger): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch (error) {
    logger.warn({ code: codeOf(error) }, "the API runs at the priority of the workers: it may not lower its own");
  }
}
