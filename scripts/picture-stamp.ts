/** Whether the pictures in the documentation show the console as it is: they are made from what the stamp beside them says. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const PROJECT = resolve(import.meta.dirname, "..");
/**
 * The console, what the pictures are taken of, and the words that it gets from the API. Not those of its routes, which Audit
 * shows: with `src/api` every change of the API would need pictures.
 */
const SOURCES = [
  "console",
  "test/console/scenes.ts",
  "test/console/stage.ts",
  "test/console/stage-certificates.ts",
  "test/console/theatre.ts",
  "src/config.ts",
  "src/config-warnings.ts",
  "src/verification/findings.ts",
];
const STAMP = "made-from.txt";

export const PICTURE_FOLDER = join(PROJECT, "docs/screenshots");

export function arePicturesCurrent(): boolean {
  const stamp = join(PICTURE_FOLDER, STAMP);
  return existsSync(stamp) && readFileSync(stamp, "utf8").trim() === fingerprint();
}

export function stampPictures(): void {
  writeFileSync(join(PICTURE_FOLDER, STAMP), `${fingerprint()}\n`);
}

function fingerprint(): string {
  const hash = createHash("sha256");
  for (const file of SOURCES.flatMap(filesOf).sort()) {
    hash.update(`${file}\0`);
    hash.update(readFileSync(join(PROJECT, file)));
  }
  return hash.digest("hex");
}

function filesOf(source: string): readonly string[] {
  const path = join(PROJECT, source);
  if (statSync(path).isFile()) return [source];
  const names = readdirSync(path, { recursive: true, encoding: "utf8" }).map((name) => join(source, name));
  return names.filter((name) => statSync(join(PROJECT, name)).isFile());
}
