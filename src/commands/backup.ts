/** `waypost backup`: everything that a new machine needs to answer every link that was ever sent, in one folder. */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

import { type BackupManifest, writeManifest } from "../backup-manifest.ts";
import { type Config, foreignEnvironment } from "../config.ts";
import { SPOOL_FOLDER } from "../data-directory.ts";
import { AppError } from "../domain/errors.ts";
import { copySpool } from "../edge/spool-copy.ts";
import { readIfThere, writePrivateFileOnce } from "../master-secret.ts";
import { copyStore } from "../store/copy-store.ts";
import { storeLocation } from "../store-location.ts";
import { withStore } from "./with-store.ts";

/** In a backup as in a data directory. */
export const SECRET_FILE = "secret";
const BYTES_PER_MB = 1_000_000;

export interface BackupOptions {
  readonly withSecret: boolean;
  readonly version: string;
}

/** Made beside its place and renamed there: what has the name is whole. Waypost may run meanwhile. */
export async function backup(target: string, options: BackupOptions, config: Config): Promise<void> {
  const folder = resolve(target);
  if (existsSync(folder)) {
    throw new AppError("resource_conflict", `${folder} is there already: name a folder that is not`);
  }
  if (!existsSync(dirname(folder))) {
    throw new AppError("not_found", `${dirname(folder)} is not there: make it first`);
  }
  // Says so when there is none, before anything is made.
  await withStore(config, async () => undefined);
  const unfinished = join(dirname(folder), `.${basename(folder)}.unfinished`);
  rmSync(unfinished, { recursive: true, force: true });
  try {
    mkdirSync(unfinished, { mode: 0o700 });
    const manifest = await fill(unfinished, options, config);
    renameSync(unfinished, folder);
    tell(folder, manifest);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw isFullDisk(error)
      ? new AppError("unavailable", `There is no room for the backup in ${dirname(folder)}`, { cause: error })
      : error;
  }
}

async function fill(folder: string, options: BackupOptions, config: Config): Promise<BackupManifest> {
  // The spool first: an event that ingest moves to the store meanwhile is then in both, and stored once; it is never in neither.
  console.log("Copying the events that wait in the spool");
  const spool = await copySpool(join(config.dataDir, SPOOL_FOLDER), join(folder, SPOOL_FOLDER));
  const store = await copyStore(storeLocation(config), folder, {
    environment: foreignEnvironment(),
    onFile: (path) => console.log(`Copying ${path}`),
  });
  const secret = options.withSecret ? readIfThere(join(config.dataDir, SECRET_FILE)) : undefined;
  if (secret !== undefined) writePrivateFileOnce(join(folder, SECRET_FILE), `${secret}\n`);
  console.log("Computing checksums");
  return writeManifest(
    folder,
    {
      version: options.version,
      createdAt: new Date().toISOString(),
      store: config.databaseUrl === undefined ? "sqlite" : "postgres",
    },
    [
      ...store,
      ...spool.map((path) => join(SPOOL_FOLDER, path)),
      ...(secret === undefined ? [] : [SECRET_FILE]),
    ],
  );
}

function tell(folder: string, { files }: BackupManifest): void {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  console.log(`${files.length} files, ${(bytes / BYTES_PER_MB).toFixed(1)} MB in ${folder}`);
  console.log(
    files.some(({ path }) => path === SECRET_FILE)
      ? "The master secret is in it: whoever has this folder can make and read links. Keep it as you keep keys."
      : "The master secret is NOT in it: keep WAYPOST_SECRET elsewhere. Without it this backup opens no link.",
  );
}

/** ENOSPC of the system, SQLITE_FULL, and lmdb's of the system too. */
function isFullDisk(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  const SQLITE_FULL = 13;
  return (
    code === "ENOSPC" || code === "EDQUOT" || errcode === SQLITE_FULL || /no space left/i.test(error.message)
  );
}
