/** `waypost restore`: a backup becomes the data directory of a new machine, or of this one after a loss. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import { type BackupManifest, checkBackup } from "../backup-manifest.ts";
import { type Config, foreignEnvironment } from "../config.ts";
import { SPOOL_FOLDER } from "../data-directory.ts";
import { AppError } from "../domain/errors.ts";
import { openInstallation } from "../installation.ts";
import { readIfThere } from "../master-secret.ts";
import { restoreStore } from "../store/copy-store.ts";
import { openStore, type StoreLocation } from "../store/open-store.ts";
import { lockDataDirectory } from "../supervisor.ts";
import { SECRET_FILE } from "./backup.ts";
import { createReadingBar, printJson } from "./output.ts";

/** In the data directory, so that renaming what is in it into place crosses no file system. */
const STAGING_FOLDER = ".restoring";
/** What locking the directory, and a restore that was killed, leave in one that is empty all the same. */
const NOBODYS = /^(?:supervisor\.lock(?:-journal)?|\.restoring)$/;

/** All is checked, and the store opened, before anything gets its name in the data directory. */
export async function restore(
  source: string,
  config: Config,
  { json }: { readonly json?: true },
): Promise<void> {
  const say = json ? console.error : console.log;
  const folder = resolve(source);
  say("Checking the backup");
  const bar = createReadingBar();
  const manifest = await checkBackup(folder, bar.show).finally(bar.end);
  refuseOtherStore(manifest, config);
  const check = manifest.store === "none" ? async () => undefined : storeCheck(folder, config);
  const lock = lockDataDirectory(config.dataDir);
  const staging = join(config.dataDir, STAGING_FOLDER);
  try {
    refuseToOverwrite(config.dataDir);
    rmSync(staging, { recursive: true, force: true });
    mkdirSync(staging, { mode: 0o700 });
    await fill({ folder, staging, manifest, config, say });
    await check(locationIn(staging, config));
    for (const name of readdirSync(staging)) renameSync(join(staging, name), join(config.dataDir, name));
  } finally {
    rmSync(staging, { recursive: true, force: true });
    lock.release();
  }
  if (json) return printJson({ data_dir: config.dataDir, created_at: manifest.createdAt });
  console.log(
    `Restored the backup of ${manifest.createdAt} into ${config.dataDir}. Start it with \`waypost serve\`.`,
  );
}

interface Restoration {
  readonly folder: string;
  readonly staging: string;
  readonly manifest: BackupManifest;
  readonly config: Config;
  readonly say: (text: string) => void;
}

async function fill({ folder, staging, manifest, config, say }: Restoration): Promise<void> {
  const paths = manifest.files.map(({ path }) => path);
  if (manifest.store !== "none") {
    await restoreStore(locationIn(staging, config), folder, {
      paths,
      environment: foreignEnvironment(),
      onFile: (path) => say(`Restoring ${path}`),
    });
  }
  const rest = paths.filter((path) => path.startsWith(`${SPOOL_FOLDER}/`) || path === SECRET_FILE);
  for (const path of rest) {
    mkdirSync(dirname(join(staging, path)), { recursive: true, mode: 0o700 });
    await cp(join(folder, path), join(staging, path));
  }
}

function locationIn(staging: string, config: Config): StoreLocation {
  return config.databaseUrl === undefined
    ? { kind: "sqlite", dir: staging }
    : { kind: "postgres", url: config.databaseUrl };
}

/** Throws when nobody knows the secret that the store was made with. */
function storeCheck(folder: string, config: Config): (location: StoreLocation) => Promise<void> {
  const secret = config.secret ?? readIfThere(join(folder, SECRET_FILE));
  if (secret === undefined) {
    throw new AppError(
      "unavailable",
      "The backup holds no secret: set WAYPOST_SECRET to the one it was made with",
    );
  }
  return (location) => tryStore(location, secret);
}

/** Brings the schema up to date, and throws when it is a newer version's or the secret is not the one that sealed its keys. */
async function tryStore(location: StoreLocation, secret: string): Promise<void> {
  const store = await openStore(location);
  try {
    await openInstallation(store.installation, secret, Date.now());
  } finally {
    await store.close();
  }
}

function refuseOtherStore({ store }: BackupManifest, { databaseUrl }: Config): void {
  const here = databaseUrl === undefined ? "sqlite" : "postgres";
  if (store === "none" && databaseUrl === undefined) {
    throw new AppError(
      "unavailable",
      "The backup is a spool alone: set WAYPOST_DATABASE_URL to the installation's database, where its events belong",
    );
  }
  if (store === here || store === "none") return;
  throw new AppError(
    "unavailable",
    store === "postgres"
      ? "The backup is of a PostgreSQL database: set WAYPOST_DATABASE_URL to an empty one"
      : "The backup is of SQLite files: restore it without WAYPOST_DATABASE_URL",
  );
}

function refuseToOverwrite(dataDir: string): void {
  const others = existsSync(dataDir) ? readdirSync(dataDir).filter((name) => !NOBODYS.test(name)) : [];
  if (others.length > 0) {
    throw new AppError(
      "resource_conflict",
      `${dataDir} is not empty: it has ${others.slice(0, 5).join(", ")}. Restore into an empty folder`,
    );
  }
}
