import { get } from "node:http";

// Asks the address it is given: exit 0 for the answer 200, else 1.
get(process.argv[2] ?? "", { timeout: 2_000 }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))
  .on("timeout", () => process.exit(1))
  .on("error", () => process.exit(1));
