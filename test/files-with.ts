/** Looks for what must not be there. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The files below a folder in which a text stands, in whatever case. */
export function filesWith(folder: string, text: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).toString("latin1").toLowerCase().includes(text.toLowerCase()));
}
