/** `waypost keys …` */
import { GRANTS, SUBACCOUNT_GRANTS } from "../api/grants.ts";
import { createApiKey } from "../api/keys.ts";
import type { Config } from "../config.ts";
import { AppError } from "../domain/errors.ts";
import { withStore } from "./with-store.ts";

export interface CreateKeyOptions {
  readonly label: string;
  readonly grants?: string;
  readonly subaccount?: string;
  readonly validIps?: string;
}

export async function createKey(options: CreateKeyOptions, config: Config): Promise<void> {
  // Not Number(""), which is 0: a script with an unset variable would get a key to every tenant.
  if (options.subaccount !== undefined && !/^\d{1,10}$/.test(options.subaccount)) {
    throw new AppError("invalid_parameters", "--subaccount must be the number of a subaccount");
  }
  const subaccountId = options.subaccount === undefined ? undefined : Number(options.subaccount);
  const all = subaccountId === undefined ? GRANTS : SUBACCOUNT_GRANTS;
  await withStore(config, async (store) => {
    const { key, record } = await createApiKey(
      {
        label: options.label,
        grants: options.grants?.split(",").map((grant) => grant.trim()) ?? all,
        validIps: options.validIps?.split(",").map((entry) => entry.trim()) ?? [],
        subaccountId,
      },
      { apiKeys: store.apiKeys, subaccounts: store.subaccounts, now: Date.now },
    );
    console.error(`Key ${record.id} (${record.label}). It is shown only now:`);
    console.log(key);
  });
}

export async function listKeys(config: Config): Promise<void> {
  await withStore(config, async (store) => {
    for (const key of await store.apiKeys.list()) {
      const owner = key.subaccountId === undefined ? "" : ` subaccount ${key.subaccountId}`;
      console.log(`${key.id} ${key.shortKey}… ${JSON.stringify(key.label)}${owner} ${key.grants.join(",")}`);
    }
  });
}

export async function revokeKey(id: string, config: Config): Promise<void> {
  await withStore(config, async (store) => {
    if (!(await store.apiKeys.remove(id)))
      throw new AppError("not_found", `There is no key with the id ${id}`);
    console.log(`Key ${id} is revoked.`);
  });
}
