import { main } from "./program.ts";

// Whoever reads the output may stop reading (`penstock status | head -1`): nothing is left to do then.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

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
