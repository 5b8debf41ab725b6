/** The secret that seals stored keys: from the settings, else from a file in the data directory that is made once. */
import { randomBytes } from "node:crypto";
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const SECRET_BYTES = 32;

/** Two processes that start at once on an empty directory read the same secret. Creates the directory (0700) when it is missing. */
export function readMasterSecret(dataDir: string, configured: string | undefined): string {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (configured !== undefined) return configured;
  const path = join(dataDir, "secret");
  const existing = readIfThere(path);
  if (existing !== undefined) return existing;
  writePrivateFileOnce(path, `${randomBytes(SECRET_BYTES).toString("hex")}\n`);
  return readFileSync(path, "utf8").trim();
}

/** Writes a file that only its owner can read, whole or not at all; one that exists stays as it is. */
export function writePrivateFileOnce(path: string, content: string): void {
  const fresh = `${path}.${process.pid}.new`;
  writeFileSync(fresh, content, { mode: 0o600, flush: true });
  chmodSync(fresh, 0o600);
  try {
    linkSync(fresh, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(fresh);
  }
}

/** A small file's content without the space around it; `undefined` when there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
