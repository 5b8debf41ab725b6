/** `waypost keys …` */
import { GRANTS, SUBACCOUNT_GRANTS } from "../api/grants.ts";
import { createApiKey, keyToWire } from "../api/keys.ts";
import type { Config } from "../config.ts";
import { AppError } from "../domain/errors.ts";
import { plain, printJson, printTable } from "./output.ts";
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
    console.error(`Key ${record.id} (${plain(record.label)}). It is shown only now:`);
    console.log(key);
  });
}

export async function listKeys(config: Config, { json }: { json?: true }): Promise<void> {
  const keys = await withStore(config, (store) => store.apiKeys.list());
  // As the API shows them: the hash is nobody's business.
  if (json) return printJson(keys.map(keyToWire));
  printTable(
    keys,
    [
      { title: "ID", value: ({ id }) => id },
      { title: "KEY", value: ({ shortKey }) => `${shortKey}…` },
      { title: "LABEL", value: ({ label }) => label, flexible: true },
      { title: "SUBACCOUNT", value: ({ subaccountId }) => subaccountId ?? "" },
      { title: "USABLE FROM", value: ({ validIps }) => validIps.join(","), flexible: true },
      { title: "GRANTS", value: ({ grants }) => grants.join(","), flexible: true },
    ],
    "No keys yet. Create one with: waypost keys create --label Newsletter",
  );
}

export async function revokeKey(id: string, config: Config): Promise<void> {
  await withStore(config, async (store) => {
    if (!(await store.apiKeys.remove(id)))
      throw new AppError("not_found", `There is no key with the id ${id}`);
    console.log(`Key ${id} is revoked.`);
  });
}
