/**
 * Each writer of the spool has a folder of its own, `<spool>/<slot>`: its lmdb environment and the lock that
 * makes it the only writer. A slot outlives its writers: its events wait there for ingest, and the next
 * writer goes on after its last id.
 *
 * One environment per writer, not one for all: as fast (measured: docs/edge-performance.md), and a writer that is
 * killed, slow or unlucky with its disk holds no lock that another one needs.
 */
import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";

import { type FileLock, lockFile } from "./file-lock.ts";

/** The slots a machine's writers may take. Machines that share an event store need ranges that don't overlap. */
export interface SlotRange {
  readonly first: number;
  readonly count: number;
}

export interface ClaimedSlot extends FileLock {
  readonly slot: number;
  readonly directory: string;
}

/** `undefined` when a living process holds the slot. Throws when the disk refuses. */
export function claimSlot(spoolDirectory: string, slot: number): ClaimedSlot | undefined {
  const directory = slotDirectory(spoolDirectory, slot);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = lockFile(join(directory, "writer.lock"));
  return lock && { slot, directory, release: lock.release };
}

export interface SetAside {
  readonly isMoved: boolean;
  /** What is damaged, and where it is now. */
  readonly error: Error;
}

/**
 * Moves a claimed slot's damaged files out of the way, where nobody reads them but an operator, and gives the error with
 * the place. The slot is then as if it had never been used. A disk that refuses leaves them where they are.
 */
export function setAside({ slot, directory }: ClaimedSlot, damage: Error): SetAside {
  const aside = `damaged-${slot}-${Date.now()}`;
  try {
    renameSync(directory, join(dirname(directory), aside));
    const error = new Error(`${damage.message}; moved to ${aside} beside it`, { cause: damage });
    return { isMoved: true, error };
  } catch (cause) {
    return { isMoved: false, error: new Error(`${damage.message}; it could not be moved`, { cause }) };
  }
}

export function slotDirectory(spoolDirectory: string, slot: number): string {
  return join(spoolDirectory, String(slot));
}

/** The slots that have ever been written on this machine, in order. */
export function listSlots(spoolDirectory: string): readonly number[] {
  const names = readdirSync(spoolDirectory, { withFileTypes: true });
  return names
    .filter((entry) => entry.isDirectory() && /^\d{1,4}$/.test(entry.name))
    .map((entry) => Number(entry.name))
    .sort((a, b) => a - b);
}
