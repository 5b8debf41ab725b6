/** A disk that is full soon, for tests of what happens then. */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A disk of this size. `undefined` where nobody may mount one. */
export function mountSmallDisk(t: TestContext, megabytes: number): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "waypost-small-disk-"));
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder]);
  t.after(() => {
    if (status === 0) spawnSync("umount", ["-l", folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  return status === 0 ? folder : undefined;
}

/** Takes all the room that is left. Removing the file gives it back. */
export function fillDisk(folder: string): string {
  const path = join(folder, "filling");
  const file = openSync(path, "w");
  try {
    for (const bytes of [1 << 20, 4096, 1]) fillWith(file, Buffer.alloc(bytes));
  } finally {
    closeSync(file);
  }
  return path;
}

function fillWith(file: number, chunk: Buffer): void {
  try {
    while (writeSync(file, chunk) === chunk.length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}
