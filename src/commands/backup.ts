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
import { createReadingBar, megabytes, printJson } from "./output.ts";
import { withStore } from "./with-store.ts";

/** In a backup as in a data directory. */
export const SECRET_FILE = "secret";

export interface BackupOptions {
  readonly withSecret: boolean;
  /** Of a machine whose store is backed up elsewhere: only the events that are not in it yet. */
  readonly spoolOnly: boolean;
  readonly version: string;
  /** What was made is printed as JSON, and how it is made on stderr. */
  readonly json: boolean;
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
  if (options.spoolOnly) refuseWithoutSpool(config);
  else await withStore(config, async () => undefined);
  const unfinished = join(dirname(folder), `.${basename(folder)}.unfinished`);
  rmSync(unfinished, { recursive: true, force: true });
  try {
    mkdirSync(unfinished, { mode: 0o700 });
    const manifest = await fill(unfinished, options, config);
    renameSync(unfinished, folder);
    if (options.json) printJson({ folder, ...summaryOf(manifest) });
    else tell(folder, summaryOf(manifest));
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw isFullDisk(error)
      ? new AppError("unavailable", `There is no room for the backup in ${dirname(folder)}`, { cause: error })
      : error;
  }
}

function refuseWithoutSpool({ dataDir, databaseUrl }: Config): void {
  if (databaseUrl === undefined) {
    throw new AppError(
      "invalid_parameters",
      "--spool-only is for machines that share a database: set WAYPOST_DATABASE_URL, or leave the option out",
    );
  }
  if (!existsSync(join(dataDir, SPOOL_FOLDER)))
    throw new AppError("not_found", `There is no spool in ${dataDir}: is that the right WAYPOST_DATA_DIR?`);
}

async function fill(folder: string, options: BackupOptions, config: Config): Promise<BackupManifest> {
  // The spool first: an event that ingest moves to the store meanwhile is then in both, and stored once; it is never in neither.
  const say = options.json ? console.error : console.log;
  say("Copying the events that wait in the spool");
  const spool = await copySpool(
    join(config.dataDir, SPOOL_FOLDER),
    join(folder, SPOOL_FOLDER),
    (slot, error) => {
      console.error(`The spool in slot ${slot} is damaged, and left out: ${error.message}`);
      // The rest is a backup all the same, and whoever runs it hears that it is not everything.
      process.exitCode = 1;
    },
  );
  const store = options.spoolOnly
    ? []
    : await copyStore(storeLocation(config), folder, {
        environment: foreignEnvironment(),
        onFile: (path) => say(`Copying ${path}`),
      });
  const withSecret = options.withSecret && !options.spoolOnly;
  const secret = withSecret ? readIfThere(join(config.dataDir, SECRET_FILE)) : undefined;
  if (secret !== undefined) writePrivateFileOnce(join(folder, SECRET_FILE), `${secret}\n`);
  say("Computing checksums");
  const bar = createReadingBar();
  const manifest = await writeManifest(
    folder,
    {
      version: options.version,
      createdAt: new Date().toISOString(),
      store: options.spoolOnly ? "none" : storeLocation(config).kind,
    },
    {
      paths: [
        ...store,
        ...spool.map((path) => join(SPOOL_FOLDER, path)),
        ...(secret === undefined ? [] : [SECRET_FILE]),
      ],
      onRead: bar.show,
    },
  );
  bar.end();
  return manifest;
}

interface Summary {
  readonly created_at: string;
  readonly store: BackupManifest["store"];
  readonly files: number;
  readonly bytes: number;
  readonly has_secret: boolean;
}

function summaryOf({ createdAt, store, files }: BackupManifest): Summary {
  return {
    created_at: createdAt,
    store,
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    has_secret: files.some(({ path }) => path === SECRET_FILE),
  };
}

function tell(folder: string, { files, bytes, store, has_secret: hasSecret }: Summary): void {
  console.log(`${files} files, ${megabytes(bytes)} MB in ${folder}`);
  if (store === "none") {
    console.log("It is this machine's spool alone: events that are not in the store yet.");
    return;
  }
  console.log(
    hasSecret
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
