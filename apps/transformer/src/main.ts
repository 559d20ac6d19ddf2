import { serve } from "@penstock/runtime/serve";
import { startTransformer } from "./start-transformer.ts";

await serve("transformer", startTransformer, process);
