/** What puts a root certificate where Chromium looks for those that a user trusts. */
import { join } from "node:path";

import { findOrInstall, type NeededProgram, searchFolders } from "./debian-package.ts";

export const CERTUTIL: NeededProgram = {
  what: "certutil",
  debianPackage: "libnss3-tools",
  search: () => searchFolders(["certutil"]),
};

/** The program. Throws with what to install when there is none and none can be had. */
export function findCertutil(): string {
  return join(
    findOrInstall(CERTUTIL, () => undefined),
    "certutil",
  );
}
