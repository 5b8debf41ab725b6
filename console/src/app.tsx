/** The frame around every page: who is signed in, the way to the other pages, and what to say when nobody answers. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Suspense, useEffect, useRef } from "react";
import { Route, Switch, useLocation } from "wouter";

import { ApiFailure } from "./api/client.ts";
import { fetchSession, SESSION_KEY } from "./api/session.ts";
import { explain, NoPermission, Note } from "./components/failure.tsx";
import { Loading, Page } from "./components/page.tsx";
import { Navigation } from "./navigation.tsx";
import { PageBoundary } from "./page-boundary.tsx";
import { fetchAllPages, PAGES, type PageEntry } from "./pages.ts";
import { SessionContext, useSession } from "./session-context.ts";
import { SessionEnded, SignInPage } from "./sign-in.tsx";
import { Wordmark } from "./wordmark.tsx";

const LOOK_EVERY_MS = 60_000;
const LOOK_AGAIN_MS = 3_000;
/** After what the first page itself needs. */
const FETCH_PAGES_AFTER_MS = 500;

export function App() {
  const session = useQuery({
    queryKey: SESSION_KEY,
    queryFn: ({ signal }) => fetchSession(signal),
    retry: false,
    refetchInterval: ({ state }) => (state.error === null ? LOOK_EVERY_MS : LOOK_AGAIN_MS),
  });
  useFreshStart(session.error !== null);
  const isEnded = session.error instanceof ApiFailure && session.error.status === 401;
  if (session.data === undefined) {
    if (isEnded) return <SignInPage />;
    return session.error === null ? null : <Outage error={session.error} />;
  }
  return (
    <SessionContext value={session.data}>
      <a
        href="#page"
        className="sr-only focus:not-sr-only focus:absolute focus:m-2 focus:bg-raised focus:p-2"
      >
        Skip to the page
      </a>
      <div className="lg:grid lg:grid-cols-[216px_minmax(0,1fr)]">
        <Navigation />
        <main id="page" className="min-w-0">
          {session.error !== null && !isEnded && <OutageLine error={session.error} />}
          <CurrentPage isUp={session.error === null} onFailure={() => void session.refetch()} />
        </main>
      </div>
      {isEnded && <SessionEnded />}
    </SessionContext>
  );
}

/** Once somebody answers again, everything on the page is asked for anew. */
function useFreshStart(hasFailed: boolean): void {
  const queries = useQueryClient();
  const hadFailed = useRef(hasFailed);
  useEffect(() => {
    if (hadFailed.current && !hasFailed) void queries.invalidateQueries();
    hadFailed.current = hasFailed;
  }, [hasFailed, queries]);
}

function CurrentPage({ isUp, onFailure }: { readonly isUp: boolean; readonly onFailure: () => void }) {
  const [location] = useLocation();
  useEffect(() => {
    const timer = setTimeout(fetchAllPages, FETCH_PAGES_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <PageBoundary location={location} isUp={isUp} onFailure={onFailure}>
      <Suspense fallback={<PageOnItsWay />}>
        <Switch>
          {PAGES.map((page) => (
            <Route key={page.path} path={page.path}>
              <Guarded page={page} />
            </Route>
          ))}
          <Route>
            <NotFound />
          </Route>
        </Switch>
      </Suspense>
    </PageBoundary>
  );
}

function Guarded({ page: { Component, grants, name, what } }: { readonly page: PageEntry }) {
  const session = useSession();
  const [needed] = grants;
  if (needed !== undefined && !grants.some((grant) => session.grants.includes(grant))) {
    const title = name ?? "No permission";
    return (
      <Page title={title} documentTitle={title}>
        <NoPermission what={what} grant={needed} />
      </Page>
    );
  }
  return <Component />;
}

function PageOnItsWay() {
  return (
    <div className="mx-auto max-w-page px-4 pt-16 sm:px-6 lg:px-8">
      <Loading what="the page" />
    </div>
  );
}

function NotFound() {
  return (
    <Page title="Nothing here" documentTitle="Nothing here">
      <Note title="There is no page at this address.">
        It may have been typed wrong, or be another version's. The navigation has all pages that there are.
      </Note>
    </Page>
  );
}

function Outage({ error }: { readonly error: unknown }) {
  return (
    <main className="mx-auto w-[min(480px,100%)] px-4 pt-[14vh]">
      <div className="mb-8">
        <Wordmark />
      </div>
      <h1 className="mb-2">Nobody answers</h1>
      <p>{explain(error)}</p>
      <p role="status" className="mt-4 text-soft">
        Trying again every few seconds. This page goes on by itself.
      </p>
    </main>
  );
}

function OutageLine({ error }: { readonly error: unknown }) {
  return (
    <p role="status" className="border-b border-line bg-wait-tint px-4 py-2 text-wait sm:px-6 lg:px-8">
      {explain(error)} What you see may be old. Trying again every few seconds.
    </p>
  );
}
