/** Subaccounts: their names, for whoever may see them. */
import { queryOptions, useQuery } from "@tanstack/react-query";

import { useMay, useSession } from "../session-context.ts";
import { callApi, callForResults } from "./client.ts";

export interface Subaccount {
  readonly id: number;
  readonly name: string;
  readonly status: "active" | "suspended" | "terminated";
  /** How much is kept of what its recipients do, at most. */
  readonly privacy: "full" | "pseudonymous" | "anonymous" | "off";
}

export const subaccountQueries = {
  all: ["subaccounts"] as const,
  list: () =>
    queryOptions({
      queryKey: ["subaccounts", "list"],
      queryFn: ({ signal }) => callForResults<readonly Subaccount[]>("/subaccounts", { signal }),
      staleTime: 60_000,
    }),
};

/** Says who an owner is: `Primary account`, `Shop (7)`, or `Subaccount 7` when its name may not be seen. */
export function useOwnerName(): (subaccountId: number | undefined) => string {
  const { data } = useSubaccounts();
  const names = new Map(data?.map(({ id, name }) => [id, name]));
  return (id) => {
    if (id === undefined || id === 0) return "Primary account";
    const name = names.get(id);
    return name === undefined ? `Subaccount ${id}` : `${name} (${id})`;
  };
}

export function useSubaccounts() {
  const mayView = useMay("subaccounts/view");
  const isPrimary = useSession().subaccount_id === undefined;
  return useQuery({ ...subaccountQueries.list(), enabled: mayView && isPrimary });
}

export function createSubaccount(name: string): Promise<{ readonly subaccount_id: number }> {
  return callForResults("/subaccounts", { method: "POST", body: { name } });
}

export function updateSubaccount(
  id: number,
  change: {
    readonly name?: string;
    readonly status?: Subaccount["status"];
    readonly privacy?: Subaccount["privacy"];
  },
): Promise<unknown> {
  return callApi(`/subaccounts/${id}`, { method: "PUT", body: change });
}
