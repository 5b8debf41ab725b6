/** Filters, sort and open drawers live in the URL, so that a page can be sent to somebody and comes back as it was. */
import { useCallback } from "react";
import { useSearchParams } from "wouter";

type Change = Readonly<Record<string, string | undefined>>;

export interface UrlState {
  /** Empty when absent. */
  get(name: string): string;
  /** `undefined` and the empty string remove a parameter. The entry in the history stays one: for what is typed. */
  set(change: Change): void;
  /** As `set`, with an entry of its own: the browser's back button leads to what was there before. */
  choose(change: Change): void;
  /** The query with some parameters changed, for a link. */
  href(change: Change): string;
}

export function useUrlState(): UrlState {
  const [parameters, setParameters] = useSearchParams();
  const apply = useCallback(
    (change: Change, replace: boolean) => {
      setParameters((current) => changed(current, change), { replace });
    },
    [setParameters],
  );
  return {
    get: (name) => parameters.get(name) ?? "",
    set: (change) => apply(change, true),
    choose: (change) => apply(change, false),
    href: (change) => {
      const query = changed(parameters, change).toString();
      return query === "" ? location.pathname : `${location.pathname}?${query}`;
    },
  };
}

function changed(parameters: URLSearchParams, change: Change): URLSearchParams {
  const next = new URLSearchParams(parameters);
  for (const [name, value] of Object.entries(change)) {
    if (value === undefined || value === "") next.delete(name);
    else next.set(name, value);
  }
  return next;
}
