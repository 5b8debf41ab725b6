/**
 * The first API key. One that is made up is on disk before its hash is in the store, so that no crash can leave an
 * installation whose only key nobody knows; the file goes once somebody has seen it on a terminal.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";

import { hashApiKey, newApiKey, shortApiKey } from "./api/api-key.ts";
import { GRANTS } from "./api/grants.ts";
import { readIfThere, writePrivateFileOnce } from "./master-secret.ts";
import type { ApiKeys } from "./store/api-keys.ts";

export interface FirstKey {
  readonly key: string;
  readonly path: string;
}

/** Makes the first key on the first start. Returns a made-up one for as long as its file is there. */
export async function createFirstKey(
  apiKeys: ApiKeys,
  { dataDir, configured }: { readonly dataDir: string; readonly configured: string | undefined },
): Promise<FirstKey | undefined> {
  const path = join(dataDir, "first-key");
  if (configured !== undefined) {
    await store(apiKeys, configured);
    return undefined;
  }
  const written = readIfThere(path);
  if (written === undefined && (await apiKeys.count()) > 0) return undefined;
  if (written === undefined) writePrivateFileOnce(path, `${newApiKey()}\n`);
  const key = readIfThere(path) ?? "";
  const created = await store(apiKeys, key);
  if (created || (await apiKeys.findByHash(hashApiKey(key))) !== undefined) return { key, path };
  // Of another life of this folder, or of a key that was revoked.
  rmSync(path, { force: true });
  return undefined;
}

/** For a key that was shown. */
export function forgetFirstKey({ path }: FirstKey): void {
  rmSync(path, { force: true });
}

async function store(apiKeys: ApiKeys, key: string): Promise<boolean> {
  const record = {
    hash: hashApiKey(key),
    shortKey: shortApiKey(key),
    label: "First key",
    grants: GRANTS,
    validIps: [],
    subaccountId: undefined,
  };
  return (await apiKeys.createFirst(record, Date.now())) !== undefined;
}
