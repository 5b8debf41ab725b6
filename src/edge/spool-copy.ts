/** Copies a spool while its writers write and ingest reads. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { DATA_FILE, DamagedSpool, hasEnvironment, openEnvironment } from "./spool-environment.ts";
import { listSlots, slotDirectory } from "./spool-slot.ts";

/**
 * Each slot as of one moment, compacted. Returns the files it wrote, as paths below `to`. A slot whose files are damaged is told of
 * and left out: nobody could read its copy either.
 */
export async function copySpool(
  spoolDirectory: string,
  to: string,
  onDamaged: (slot: number, error: DamagedSpool) => void,
): Promise<readonly string[]> {
  const written: string[] = [];
  for (const slot of existsSync(spoolDirectory) ? listSlots(spoolDirectory) : []) {
    const directory = slotDirectory(spoolDirectory, slot);
    if (!hasEnvironment(directory)) continue;
    try {
      await copySlot(directory, slotDirectory(to, slot));
      written.push(join(String(slot), DATA_FILE));
    } catch (error) {
      if (!(error instanceof DamagedSpool)) throw error;
      onDamaged(slot, error);
    }
  }
  return written;
}

async function copySlot(directory: string, to: string): Promise<void> {
  const environment = openEnvironment(directory);
  try {
    mkdirSync(to, { recursive: true, mode: 0o700 });
    await environment.backup(join(to, DATA_FILE), true);
  } finally {
    await environment.close();
  }
}
