/** API keys. The key itself is in the reply that makes it, and nowhere else. */
import { queryOptions } from "@tanstack/react-query";

import { callApi, callForResults } from "./client.ts";

export interface ApiKey {
  readonly id: string;
  readonly label: string;
  readonly short_key: string;
  readonly grants: readonly string[];
  readonly valid_ips: readonly string[];
  readonly subaccount_id?: number;
  readonly created_at: string;
}

export interface NewKey {
  readonly label: string;
  readonly grants: readonly string[];
  readonly valid_ips: readonly string[];
  readonly subaccount_id?: number;
}

export const keyQueries = {
  all: ["keys"] as const,
  list: () =>
    queryOptions({
      queryKey: ["keys", "list"],
      queryFn: ({ signal }) => callForResults<readonly ApiKey[]>("/keys", { signal }),
    }),
};

export function createKey(key: NewKey): Promise<ApiKey & { readonly key: string }> {
  return callForResults("/keys", { method: "POST", body: key });
}

export function revokeKey(id: string): Promise<void> {
  return callApi(`/keys/${id}`, { method: "DELETE" });
}
