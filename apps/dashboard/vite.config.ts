import { defineConfig } from "vite";

/** Where the API of a process started by hand is, while working on the page with `npm run dev`. */
const api = "http://127.0.0.1:9470";

export default defineConfig({
  // Nothing inlined: the page's content security policy allows neither scripts nor data of its own text.
  build: { target: "es2023", assetsInlineLimit: 0, modulePreload: { polyfill: false }, sourcemap: false },
  server: { proxy: { "/v1": api, "/queues": api, "/docs": api, "/openapi.json": api } },
});
