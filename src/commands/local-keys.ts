/** API keys in this machine's store. */
import { createApiKey, keyToWire } from "../api/keys.ts";
import type { Config } from "../config.ts";
import { AppError } from "../domain/errors.ts";
import type { Keys } from "./keys.ts";
import { recordLocally } from "./local-audit.ts";
import { withStore } from "./with-store.ts";

const KEYS = "/api/v1/keys";

export function localKeys(config: Config): Keys {
  return {
    create: (request, show) =>
      withStore(config, async (store) => {
        const { apiKeys, subaccounts } = store;
        const { key, record } = await createApiKey(request, { apiKeys, subaccounts, now: Date.now });
        // Before all that may fail: nobody can ask for it again.
        show({ ...keyToWire(record), key });
        await recordLocally(store, {
          command: "waypost keys create",
          action: "Create an API key",
          path: `${KEYS}/${record.id}`,
          subaccountId: record.subaccountId,
          fields: { label: record.label, grants: record.grants, valid_ips: record.validIps },
        });
      }),

    list: () => withStore(config, async ({ apiKeys }) => (await apiKeys.list()).map(keyToWire)),

    revoke: (id) =>
      withStore(config, async (store) => {
        const key = await store.apiKeys.find(id);
        if (key === undefined || !(await store.apiKeys.remove(id))) {
          throw new AppError("not_found", `There is no key with the id ${id}`);
        }
        await recordLocally(store, {
          command: "waypost keys revoke",
          action: "Revoke an API key",
          path: `${KEYS}/${id}`,
          subaccountId: key.subaccountId,
        });
      }),
  };
}
