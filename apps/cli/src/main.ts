import { main } from "./program.ts";

process.exitCode = await main({
  argv: process.argv,
  env: process.env,
  cwd: process.cwd(),
  out: process.stdout,
  err: process.stderr,
  onSignal: (listener) => {
    process.once("SIGINT", () => listener("SIGINT"));
    process.once("SIGTERM", () => listener("SIGTERM"));
  },
  exit: (code) => process.exit(code),
  service: process,
});
