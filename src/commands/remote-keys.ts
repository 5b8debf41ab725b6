/** API keys of a running server. */
import { AppError } from "../domain/errors.ts";
import type { Keys } from "./keys.ts";
import { field, listOf, type Remote } from "./remote.ts";

const KEYS = "/api/v1/keys";

export function remoteKeys(remote: Remote): Keys {
  return {
    create: async ({ label, grants, validIps, subaccountId }, show) => {
      const body = { label, grants, valid_ips: validIps, subaccount_id: subaccountId };
      show(field(await remote.call("POST", KEYS, { body }).catch(tellWhatItMayTake), "results"));
    },
    list: async () => listOf(await remote.call("GET", KEYS)),
    revoke: async (id) => {
      await remote.call("DELETE", `${KEYS}/${encodeURIComponent(id)}`);
    },
  };
}

/** The server does not say which of several things it is. */
function tellWhatItMayTake(error: unknown): never {
  if (!(error instanceof AppError) || error.code !== "forbidden") throw error;
  const takes =
    "The key that is used may need the grant keys/manage, and can give only grants that it has: name them with --grants";
  throw new AppError("forbidden", `${error.message}\n${takes}`, { cause: error });
}
