/** `waypost keyring …` */
import type { Config } from "../config.ts";
import { AppError } from "../domain/errors.ts";
import { openInstallation } from "../installation.ts";
import { readMasterSecret } from "../master-secret.ts";
import { keyRingAt, rotateKeyRing, sealKeyRing } from "../token/key-ring.ts";
import { withStore } from "./with-store.ts";

const MAX_ACTIVE_IN_SECONDS = 30 * 86_400;

export async function rotateKeys(activeIn: string, config: Config): Promise<void> {
  const seconds = /^\d+$/.test(activeIn) ? Number(activeIn) : Number.NaN;
  if (!(seconds <= MAX_ACTIVE_IN_SECONDS)) {
    throw new AppError("invalid_parameters", `--active-in must be 0 to ${MAX_ACTIVE_IN_SECONDS} seconds`);
  }
  const masterSecret = readMasterSecret(config.dataDir, config.secret);
  await withStore(config, async ({ installation }) => {
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
    console.log(
      `Key ${Math.max(...rotated.keys.keys())} seals new links from ${new Date(activeFrom * 1000).toISOString()} on.`,
    );
  });
}

export async function listKeys(config: Config): Promise<void> {
  const masterSecret = readMasterSecret(config.dataDir, config.secret);
  await withStore(config, async ({ installation }) => {
    const ring = await openInstallation(installation, masterSecret, Date.now());
    const { current } = keyRingAt(ring, Date.now() / 1000);
    for (const { id, activeFromSeconds } of ring.keys.values()) {
      const since =
        activeFromSeconds === 0
          ? "from the start"
          : `from ${new Date(activeFromSeconds * 1000).toISOString()}`;
      console.log(`${id} ${since}${id === current.id ? " (seals new links)" : ""}`);
    }
  });
}

export async function exportKeys(config: Config): Promise<void> {
  const masterSecret = readMasterSecret(config.dataDir, config.secret);
  await withStore(config, async ({ installation }) => {
    console.log(sealKeyRing(await openInstallation(installation, masterSecret, Date.now()), masterSecret));
  });
}
