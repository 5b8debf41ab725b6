/** Starts the console. */
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { ApiFailure } from "./api/client.ts";
import { SESSION_KEY } from "./api/session.ts";
import { App } from "./app.tsx";
import "./styles.css";
import { applyTheme } from "./theme.ts";

const FRESH_MS = 5_000;
const MAX_RETRY_DELAY_MS = 10_000;
const RETRIES = 2;

applyTheme();

/** Any reply may be the first to tell that the session has ended, or that nobody answers: then the session is looked at anew. */
function noticeEnd(error: unknown): void {
  if (error instanceof ApiFailure && (error.status === 401 || error.isOutage)) {
    void queries.invalidateQueries({ queryKey: SESSION_KEY });
  }
}

const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      if (query.queryKey[0] !== SESSION_KEY[0]) noticeEnd(error);
    },
  }),
  mutationCache: new MutationCache({
    onError: (error, _variables, _result, mutation) => {
      // Of the sign-in itself, 401 says that the key is wrong.
      if (mutation.options.mutationKey?.[0] !== "sign-in") noticeEnd(error);
    },
  }),
  defaultOptions: {
    // Whether there is an Internet says nothing: Waypost may well be on this very machine.
    mutations: { networkMode: "always" },
    queries: {
      networkMode: "always",
      staleTime: FRESH_MS,
      retry: (failures, error) => failures < RETRIES && error instanceof ApiFailure && error.isOutage,
      retryDelay: (failures) => Math.min(500 * 2 ** failures, MAX_RETRY_DELAY_MS),
    },
  },
});

const root = document.getElementById("root");
if (root === null) throw new Error("the document has no root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
