/** Copies a spool while its writers write and ingest reads. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { DATA_FILE, hasEnvironment, openEnvironment } from "./spool-environment.ts";
import { listSlots, slotDirectory } from "./spool-slot.ts";

/** Each slot as of one moment, compacted. Returns the files it wrote, as paths below `to`. */
export async function copySpool(spoolDirectory: string, to: string): Promise<readonly string[]> {
  const written: string[] = [];
  for (const slot of existsSync(spoolDirectory) ? listSlots(spoolDirectory) : []) {
    const directory = slotDirectory(spoolDirectory, slot);
    if (!hasEnvironment(directory)) continue;
    mkdirSync(slotDirectory(to, slot), { recursive: true, mode: 0o700 });
    const environment = openEnvironment(directory);
    try {
      await environment.backup(join(slotDirectory(to, slot), DATA_FILE), true);
    } finally {
      await environment.close();
    }
    written.push(join(String(slot), DATA_FILE));
  }
  return written;
}
