/** What an installation is made of once: its key ring, sealed with the master secret. */
import { AppError } from "./domain/errors.ts";
import type { Installation } from "./store/installation.ts";
import { createKeyRing, type KeyRing, openSealedKeyRing, sealKeyRing } from "./token/key-ring.ts";

/** Opens the key ring, or makes it on the first start. Throws when the secret is not the one it was sealed with: without it no sent link could be answered. */
export async function openInstallation(
  installation: Installation,
  masterSecret: string,
  nowMs: number,
): Promise<KeyRing> {
  const { sealedKeyRing } = await installation.readOrCreate(
    () => ({ sealedKeyRing: sealKeyRing(createKeyRing(), masterSecret) }),
    nowMs,
  );
  const keys = openSealedKeyRing(sealedKeyRing, masterSecret);
  if (keys === undefined) {
    throw new AppError(
      "unavailable",
      "WAYPOST_SECRET (or the file `secret` in the data directory) is not the one this store was made with. Without it the links that were already sent cannot be answered, so Waypost does not start.",
    );
  }
  return keys;
}
