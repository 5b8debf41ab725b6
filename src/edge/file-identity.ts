/** Tells whether a file is still the one that was read: for followers that look instead of being told. */
import { stat } from "node:fs/promises";

/** Differs for every file put there: a rename brings another inode, or the same one at another time. `none` when there is none to be seen. */
export async function fileIdentity(path: string): Promise<string> {
  try {
    const { ino, mtimeNs, size } = await stat(path, { bigint: true });
    return `${ino}:${mtimeNs}:${size}`;
  } catch {
    // Reading the file tells what is wrong with it.
    return "none";
  }
}
