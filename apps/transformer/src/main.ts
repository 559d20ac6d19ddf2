import { serve } from "@penstock/runtime/serve";
import { startTransformer } from "./start-transformer.ts";

process.exitCode = await serve("transformer", startTransformer, process);
