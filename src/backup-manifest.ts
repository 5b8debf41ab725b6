/**
 * A backup is a folder. Its manifest says what is in it and is written last: a folder without one, or with one that doesn't fit,
 * is no backup.
 */
import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join, normalize, sep } from "node:path";

import { AppError } from "./domain/errors.ts";

export interface BackupFile {
  /** Below the folder. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface BackupManifest {
  readonly format: 1;
  /** Of the Waypost that made it. */
  readonly version: string;
  readonly createdAt: string;
  /** `none`: the spool of one machine alone. */
  readonly store: "sqlite" | "postgres" | "none";
  readonly files: readonly BackupFile[];
}

const MANIFEST_FILE = "manifest.json";
const FORMAT = 1;
const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;

/** How far the reading of all files has come, in bytes. */
export type OnRead = (read: number, total: number) => void;

/** Reads every file once, makes it durable, and writes the manifest. */
export async function writeManifest(
  folder: string,
  about: Omit<BackupManifest, "format" | "files">,
  { paths, onRead }: { readonly paths: readonly string[]; readonly onRead: OnRead },
): Promise<BackupManifest> {
  const total = paths.reduce((sum, path) => sum + statSync(join(folder, path)).size, 0);
  const count = counted(total, onRead);
  const files: BackupFile[] = [];
  for (const path of paths) {
    const file = await open(join(folder, path), "r");
    await file.sync();
    await file.close();
    files.push(await describe(folder, path, count));
  }
  const manifest: BackupManifest = { format: FORMAT, ...about, files };
  writeFileSync(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, undefined, 2)}\n`, {
    mode: 0o600,
    flush: true,
  });
  return manifest;
}

/** Throws `unavailable` for what is no backup, one of a newer format, and one of which a file is missing or has changed. */
export async function checkBackup(folder: string, onRead: OnRead): Promise<BackupManifest> {
  const manifest = parseManifest(readManifest(folder), folder);
  const total = manifest.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const count = counted(total, onRead);
  for (const file of manifest.files) {
    const found = await describe(folder, file.path, count).catch(() => undefined);
    if (found === undefined) throw damaged(folder, `${file.path} cannot be read`);
    if (found.sha256 !== file.sha256) throw damaged(folder, `${file.path} is not what was backed up`);
  }
  return manifest;
}

function counted(total: number, onRead: OnRead): (bytes: number) => void {
  let read = 0;
  return (bytes) => {
    read += bytes;
    onRead(read, total);
  };
}

async function describe(folder: string, path: string, count: (bytes: number) => void): Promise<BackupFile> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(join(folder, path)) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    count(chunk.length);
  }
  return { path, bytes: statSync(join(folder, path)).size, sha256: hash.digest("hex") };
}

function readManifest(folder: string): unknown {
  const path = join(folder, MANIFEST_FILE);
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) {
    throw new AppError(
      "unavailable",
      `${folder} is no backup, or one that was not finished: it has no ${MANIFEST_FILE}`,
    );
  }
  try {
    return size > MAX_MANIFEST_BYTES ? undefined : JSON.parse(readFileSync(path, "utf8"));
  } catch {
    throw damaged(folder, `${MANIFEST_FILE} is not JSON`);
  }
}

function parseManifest(value: unknown, folder: string): BackupManifest {
  const { format, version, createdAt, store, files } = isObject(value) ? value : {};
  if (typeof format === "number" && format > FORMAT) {
    throw new AppError(
      "unavailable",
      `${folder} was made by a newer version of Waypost: restore it with that`,
    );
  }
  if (
    format !== FORMAT ||
    typeof version !== "string" ||
    typeof createdAt !== "string" ||
    (store !== "sqlite" && store !== "postgres" && store !== "none") ||
    !Array.isArray(files) ||
    !files.every(isBackupFile)
  ) {
    throw damaged(folder, `${MANIFEST_FILE} is not a manifest`);
  }
  return { format, version, createdAt, store, files };
}

function isBackupFile(value: unknown): value is BackupFile {
  return (
    isObject(value) &&
    typeof value["path"] === "string" &&
    isBelow(value["path"]) &&
    typeof value["bytes"] === "number" &&
    typeof value["sha256"] === "string"
  );
}

/** A manifest may come from anywhere: its paths stay within the folder. */
function isBelow(path: string): boolean {
  const plain = normalize(path);
  return plain === path && !plain.startsWith(sep) && plain.split(sep)[0] !== "..";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function damaged(folder: string, problem: string): AppError {
  return new AppError("unavailable", `The backup in ${folder} is damaged: ${problem}`);
}
