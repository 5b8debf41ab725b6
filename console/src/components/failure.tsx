/** What happened, why, and what now. The request id stands small underneath: support finds the log line by it. */
import type { ReactNode } from "react";

import { ApiFailure } from "../api/client.ts";
import { Button } from "./button.tsx";

export function Failure({
  what,
  error,
  retry,
}: {
  /** `The tracking domains could not be loaded.` */
  readonly what: string;
  readonly error: unknown;
  readonly retry?: (() => void) | undefined;
}) {
  const failure = error instanceof ApiFailure ? error : undefined;
  return (
    <div role="alert" className="rounded-2 border border-bad bg-bad-tint px-4 py-3">
      <p className="font-semibold">{what}</p>
      <p className="mt-1">{explain(error)}</p>
      {retry !== undefined && (
        <div className="mt-3">
          <Button onClick={retry}>Try again</Button>
        </div>
      )}
      {failure?.requestId !== undefined && (
        <p className="mt-2 text-meta text-soft">Request {failure.requestId}</p>
      )}
    </div>
  );
}

/** In a sentence or two. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiFailure))
    return "Load the page again: Waypost may have been down, or upgraded meanwhile. If that does not help, it is a bug of the console.";
  switch (error.status) {
    case 0:
      return "Waypost does not answer. It may be restarting, or the network between here and there is down. Links in sent mail go on working: the edge does not need it.";
    case 401:
      return "Your session has ended. Sign in again.";
    case 403:
      return "This key may not do that, or not from this address.";
    case 429:
      return `${sentence(error.message)} Wait a minute, then try again.`;
    case 500:
      return "Waypost failed while it answered. Its log has the reason under the request's id.";
    case 502:
    case 503:
    case 504:
      return `${sentence(error.message)} Nothing that was sent is lost: events wait at the edge until it is back.`;
    default:
      return sentence(error.message);
  }
}

/** Begins with a capital and ends with a full stop. */
function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

/** For a page that the key may not see. */
export function NoPermission({ what, grant }: { readonly what: string; readonly grant: string }) {
  return (
    <Note title={`This key may not see ${what}.`}>
      It needs the grant <code className="font-mono text-meta">{grant}</code>. Whoever manages keys can make
      one that has it.
    </Note>
  );
}

export function Note({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="max-w-prose rounded-2 border border-line px-4 py-3">
      <p className="font-semibold">{title}</p>
      {children !== undefined && <div className="mt-1 text-soft">{children}</div>}
    </div>
  );
}
