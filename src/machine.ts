/** What one machine keeps of itself in its data directory: a name that no other has, and its writer slots. */
import { randomBytes } from "node:crypto";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { readIfThere, writePrivateFileOnce } from "./master-secret.ts";
import type { Machines, WriterSlots } from "./store/machines.ts";

const ID_FILE = "machine-id";
const SLOTS_FILE = "writer-slots";
const POLL_MS = 100;
const RENEWAL_MS = 86_400_000;

/** The same at every start, and no other machine's: made on the first one. */
export function readMachineId(dataDir: string): string {
  const path = join(dataDir, ID_FILE);
  // First, and alone where it is there: a disk without room takes no other file.
  const existing = readIfThere(path);
  if (existing !== undefined) return existing;
  writePrivateFileOnce(path, `${randomBytes(16).toString("hex")}\n`);
  return readIfThere(path) ?? "";
}

/** Claims this machine's slots, leaves them where its edge workers read them, and says every day that they are still in use. */
export async function holdWriterSlots(
  machines: Machines,
  dataDir: string,
): Promise<{ stop(): Promise<void> }> {
  const claim = async (): Promise<void> =>
    leaveSlots(dataDir, await machines.claimSlots(readMachineId(dataDir), Date.now()));
  await claim();
  // A store that is down now has a month to hear it.
  const renewal = setInterval(() => void claim().catch(() => undefined), RENEWAL_MS);
  return { stop: async () => clearInterval(renewal) };
}

/** Nothing is written as long as they are the same: a disk may be full. */
function leaveSlots(dataDir: string, slots: WriterSlots): void {
  const path = join(dataDir, SLOTS_FILE);
  const text = JSON.stringify(slots);
  if (readIfThere(path) === text) return;
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  writeFileSync(fresh, text, { mode: 0o600, flush: true });
  renameSync(fresh, path);
}

/** False until this machine's control process has reached the store for the first time. */
export function hasWriterSlots(dataDir: string): boolean {
  return readIfThere(join(dataDir, SLOTS_FILE)) !== undefined;
}

/** The slots of this machine. On its very first start they are there once the control process has reached the store. */
export async function readWriterSlots(dataDir: string): Promise<WriterSlots> {
  for (;;) {
    const text = readIfThere(join(dataDir, SLOTS_FILE));
    // Ours, and renamed into place whole.
    if (text !== undefined) return JSON.parse(text) as WriterSlots;
    await sleep(POLL_MS);
  }
}
