import { builtPage } from "@penstock/dashboard/bundle";
import { serve } from "@penstock/runtime/serve";
import { startApi } from "./start-api.ts";

process.exitCode = await serve(
  "api",
  async (runtime, stack) => {
    await startApi(runtime, stack, { dashboard: await builtPage() });
    return [];
  },
  process,
);
