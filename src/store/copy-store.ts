/** Copies a whole store out of use, and back into it. */
import { mkdirSync } from "node:fs";
import { cp } from "node:fs/promises";
import { dirname, join } from "node:path";

import { EVENTS_FOLDER, MESSAGES_FOLDER, STATE_FILE, type StoreLocation } from "./open-store.ts";
import { dumpPostgres, restorePostgres } from "./postgres/dump.ts";
import { copySqliteFile, dayFileNames } from "./sqlite/copy.ts";

export interface CopyOptions {
  /** For PostgreSQL's programs. */
  readonly environment: NodeJS.ProcessEnv;
  /** Called before each file. */
  readonly onFile: (path: string) => void;
}

const DUMP_FILE = "postgres.dump";
const DAY_FOLDERS = [EVENTS_FOLDER, MESSAGES_FOLDER];

/** While it is in use. Returns the files it wrote, as paths below `folder`. */
export async function copyStore(
  location: StoreLocation,
  folder: string,
  { environment, onFile }: CopyOptions,
): Promise<readonly string[]> {
  if (location.kind === "postgres") {
    onFile(DUMP_FILE);
    await dumpPostgres(location.url, join(folder, DUMP_FILE), environment);
    return [DUMP_FILE];
  }
  const byDay = DAY_FOLDERS.flatMap((days) => {
    mkdirSync(join(folder, days), { mode: 0o700 });
    return dayFileNames(join(location.dir, days)).map((name) => join(days, name));
  });
  const paths = [STATE_FILE, ...byDay];
  for (const path of paths) {
    onFile(path);
    await copySqliteFile(join(location.dir, path), join(folder, path));
  }
  return paths;
}

/** Into a place where there is no store. */
export async function restoreStore(
  location: StoreLocation,
  folder: string,
  { paths, environment, onFile }: CopyOptions & { readonly paths: readonly string[] },
): Promise<void> {
  if (location.kind === "postgres") {
    onFile(DUMP_FILE);
    return restorePostgres(location.url, join(folder, DUMP_FILE), environment);
  }
  for (const path of paths.filter(isStoreFile)) {
    onFile(path);
    mkdirSync(dirname(join(location.dir, path)), { recursive: true, mode: 0o700 });
    await cp(join(folder, path), join(location.dir, path));
  }
}

function isStoreFile(path: string): boolean {
  return path === STATE_FILE || DAY_FOLDERS.includes(dirname(path));
}
