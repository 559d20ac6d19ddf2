import { builtPage } from "./bundle.ts";

process.stdout.write(`${await builtPage()}\n`);
