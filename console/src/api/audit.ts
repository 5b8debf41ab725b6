/** The audit trail. */
import { infiniteQueryOptions } from "@tanstack/react-query";

import { callApi, withQuery } from "./client.ts";

export interface AuditEntry {
  readonly id: string;
  readonly timestamp: string;
  readonly kind: "change" | "sign_in" | "sign_in_failed";
  readonly action: string;
  readonly method: string;
  readonly path: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly key_id?: string;
  readonly key_label?: string;
  readonly via: "key" | "session" | "command_line" | "server" | "none";
  readonly subaccount_id?: number;
  readonly ip_address?: string;
}

interface AuditPage {
  readonly results: readonly AuditEntry[];
  readonly links: { readonly next?: string };
}

export interface AuditFilter {
  readonly kinds: string;
  readonly path: string;
}

export function auditQuery(filter: AuditFilter) {
  return infiniteQueryOptions({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam, signal }) =>
      callApi<AuditPage>(withQuery("/audit", { ...filter, per_page: 100, cursor: pageParam }), { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ links }) => cursorOf(links.next),
  });
}

/** The cursor in the link to the next page. */
function cursorOf(next: string | undefined): string | undefined {
  if (next === undefined) return undefined;
  return new URL(next, location.origin).searchParams.get("cursor") ?? undefined;
}
