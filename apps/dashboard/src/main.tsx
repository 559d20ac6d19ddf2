import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { isSignedOut, RequestError } from "./client/request-error.ts";
import { App } from "./shell/app.tsx";
import { applyTheme, storedTheme } from "./shell/theme.ts";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/elements.css";
import "./styles/shell.css";
import "./styles/pages.css";

const place = document.getElementById("page");
if (place === null) throw new Error("index.html has no element with the id page");

// A session ends at any time; the page then asks who is there, and shows what that leads to.
const onError = (error: Error) => {
  if (isSignedOut(error)) void client.invalidateQueries({ queryKey: ["getSession"] });
};

const client = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      staleTime: 1_000,
      // What the API refused it refuses again; only without an answer is there anything to hope for.
      retry: (failures, error) => failures < 2 && error instanceof RequestError && error.problem.status === 0,
    },
  },
});

applyTheme(storedTheme());
createRoot(place).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
