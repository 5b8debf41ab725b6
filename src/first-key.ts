/**
 * The first API key. One that is made up is on disk before its hash is in the store, so that no crash can leave an
 * installation whose only key nobody knows; the file goes once somebody has seen it on a terminal.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";

import { hashApiKey, newApiKey, shortApiKey } from "./api/api-key.ts";
import { ownEntry } from "./api/audit.ts";
import type { Config } from "./config.ts";
import { GRANTS } from "./domain/grants.ts";
import { readIfThere, writePrivateFileOnce } from "./master-secret.ts";
import type { Logger } from "./ops/logger.ts";
import type { Store } from "./store/open-store.ts";

type KeyStores = Pick<Store, "apiKeys" | "auditTrail">;

export interface FirstKey {
  readonly key: string;
  readonly path: string;
}

/**
 * Makes the first key on the first start of a machine with the API: an edge, which starts first as often as not, has no
 * use for it and is open to everybody. Returns a made-up one for as long as its file is there.
 */
export async function createFirstKey(
  stores: KeyStores,
  { dataDir, apiKey: configured, roles }: Pick<Config, "dataDir" | "apiKey" | "roles">,
  log: Pick<Logger, "error">,
): Promise<FirstKey | undefined> {
  if (!roles.includes("api")) return undefined;
  const { apiKeys } = stores;
  const path = join(dataDir, "first-key");
  if (configured !== undefined) {
    await store(stores, configured, log);
    return undefined;
  }
  const written = readIfThere(path);
  if (written === undefined && (await apiKeys.count()) > 0) return undefined;
  if (written === undefined) writePrivateFileOnce(path, `${newApiKey()}\n`);
  const key = readIfThere(path) ?? "";
  const created = await store(stores, key, log);
  if (created || (await apiKeys.findByHash(hashApiKey(key))) !== undefined) return { key, path };
  // Of another life of this folder, or of a key that was revoked.
  rmSync(path, { force: true });
  return undefined;
}

/** For a key that was shown. */
export function forgetFirstKey({ path }: FirstKey): void {
  rmSync(path, { force: true });
}

/** Whether it was made. It is, whatever becomes of the entry. */
async function store(
  { apiKeys, auditTrail }: KeyStores,
  key: string,
  log: Pick<Logger, "error">,
): Promise<boolean> {
  const record = {
    hash: hashApiKey(key),
    shortKey: shortApiKey(key),
    label: "First key",
    grants: GRANTS,
    validIps: [],
    subaccountId: undefined,
  };
  const nowMs = Date.now();
  const created = await apiKeys.createFirst(record, nowMs);
  if (created === undefined) return false;
  const { id, label, grants } = created;
  const change = {
    action: "Create the first API key",
    path: `/api/v1/keys/${id}`,
    fields: { label, grants },
  };
  try {
    await auditTrail.record(ownEntry(change, nowMs));
  } catch (error) {
    log.error(
      { err: error, keyId: id },
      "the first key was made and could not be written into the audit trail",
    );
  }
  return true;
}
