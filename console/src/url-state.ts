/** Filters, sort and open drawers live in the URL, so that a page can be sent to somebody and comes back as it was. */
import { useCallback } from "react";
import { useSearchParams } from "wouter";

type Change = Readonly<Record<string, string | undefined>>;

export interface UrlState {
  /** Empty when absent. */
  get(name: string): string;
  /** `undefined` and the empty string remove a parameter. Typing replaces the entry in the history, choices add one. */
  set(change: Change, options?: { readonly replace?: boolean }): void;
  /** The query with some parameters changed, for a link. */
  href(change: Change): string;
}

export function useUrlState(): UrlState {
  const [parameters, setParameters] = useSearchParams();
  const set = useCallback(
    (change: Change, { replace = true } = {}) => {
      setParameters((current) => changed(current, change), { replace });
    },
    [setParameters],
  );
  return {
    get: (name) => parameters.get(name) ?? "",
    set,
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
