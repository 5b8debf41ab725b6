/** The subaccounts of a running server. */
import { field, listOf, type Remote } from "./remote.ts";
import type { Subaccounts } from "./subaccounts.ts";

const SUBACCOUNTS = "/api/v1/subaccounts";

export function remoteSubaccounts(remote: Remote): Subaccounts {
  return {
    create: async (name, privacy) => {
      const reply = await remote.call("POST", SUBACCOUNTS, { body: { name, privacy } });
      return field(field(reply, "results"), "subaccount_id");
    },
    list: async () => listOf(await remote.call("GET", SUBACCOUNTS)),
    update: async (id, change) => {
      await remote.call("PUT", `${SUBACCOUNTS}/${encodeURIComponent(id)}`, { body: change });
    },
  };
}
