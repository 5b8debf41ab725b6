/** Copies SQLite files while they are in use. */
import { readdirSync } from "node:fs";
import { backup, DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

import { dayOfName } from "../event-day.ts";
import { createOwnFile } from "./database.ts";

/** In one step, so under one read transaction: with smaller ones every write of somebody else starts the copy anew. */
const ALL_PAGES = 2 ** 31 - 1;
const BUSY_TIMEOUT_MS = 5000;

/** The state of one moment. `to` must not be there. Rejects when the disk is full, and may then leave a part. */
export async function copySqliteFile(from: string, to: string): Promise<void> {
  const uri = pathToFileURL(from);
  uri.searchParams.set("mode", "rw");
  const source = new DatabaseSync(uri, { timeout: BUSY_TIMEOUT_MS });
  try {
    createOwnFile(to);
    await backup(source, to, { rate: ALL_PAGES });
  } finally {
    source.close();
  }
}

/**
 * The files of a folder of files by day, the index first: what is stored meanwhile is then in a day and not yet in the index, as
 * after a crash (`day-files.ts`), and never the other way round.
 */
export function dayFileNames(folder: string): readonly string[] {
  const days = readdirSync(folder).filter(
    (name) => name.endsWith(".db") && dayOfName(name.slice(0, -".db".length)) !== undefined,
  );
  return ["index.db", ...days.sort()];
}
