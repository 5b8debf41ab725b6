/** `waypost keyring …` */
import type { Config } from "../config.ts";
import { AppError } from "../domain/errors.ts";
import { openInstallation } from "../installation.ts";
import { readMasterSecret } from "../master-secret.ts";
import { keyRingAt, rotateKeyRing, sealKeyRing } from "../token/key-ring.ts";
import { recordLocally } from "./local-audit.ts";
import { printJson } from "./output.ts";
import { withStore } from "./with-store.ts";

const MAX_ACTIVE_IN_SECONDS = 30 * 86_400;

export async function rotateKeys(
  activeIn: string,
  config: Config,
  { json }: { readonly json?: true },
): Promise<void> {
  const seconds = /^\d+$/.test(activeIn) ? Number(activeIn) : Number.NaN;
  if (!(seconds <= MAX_ACTIVE_IN_SECONDS)) {
    throw new AppError("invalid_parameters", `--active-in must be 0 to ${MAX_ACTIVE_IN_SECONDS} seconds`);
  }
  const masterSecret = readMasterSecret(config.dataDir, config.secret);
  await withStore(config, async (store) => {
    const { installation } = store;
    const ring = await openInstallation(installation, masterSecret, Date.now());
    const formerly = await installation.read();
    const activeFrom = Math.floor(Date.now() / 1000) + seconds;
    const rotated = rotateKeyRing(ring, activeFrom);
    if (
      formerly === undefined ||
      !(await installation.replaceKeyRing(formerly.sealedKeyRing, sealKeyRing(rotated, masterSecret)))
    ) {
      throw new AppError(
        "resource_conflict",
        "Somebody else rotated the keys at the same time. Nothing was changed.",
      );
    }
    const id = Math.max(...rotated.keys.keys());
    const since = new Date(activeFrom * 1000).toISOString();
    if (json) printJson({ id, active_from: since });
    else console.log(`Key ${id} seals new links from ${since} on.`);
    await recordLocally(store, {
      command: "waypost keyring rotate",
      action: "Rotate the keys that seal links",
      path: "keyring",
      fields: { key: id, active_from: since },
    });
  });
}

export async function listKeys(config: Config, { json }: { readonly json?: true }): Promise<void> {
  const masterSecret = readMasterSecret(config.dataDir, config.secret);
  const ring = await withStore(config, ({ installation }) =>
    openInstallation(installation, masterSecret, Date.now()),
  );
  const { current } = keyRingAt(ring, Date.now() / 1000);
  const keys = [...ring.keys.values()].map(({ id, activeFromSeconds }) => ({
    id,
    // The first one is so from the start.
    active_from: activeFromSeconds === 0 ? null : new Date(activeFromSeconds * 1000).toISOString(),
    seals_new_links: id === current.id,
  }));
  if (json) return printJson(keys);
  for (const { id, active_from: since, seals_new_links: isCurrent } of keys) {
    const from = since === null ? "from the start" : `from ${since}`;
    console.log(`${id} ${from}${isCurrent ? " (seals new links)" : ""}`);
  }
}

export async function exportKeys(config: Config): Promise<void> {
  const masterSecret = readMasterSecret(config.dataDir, config.secret);
  await withStore(config, async (store) => {
    const ring = await openInstallation(store.installation, masterSecret, Date.now());
    console.log(sealKeyRing(ring, masterSecret));
    await recordLocally(store, {
      command: "waypost keyring export",
      action: "Export the keys that seal links",
      path: "keyring",
    });
  });
}
