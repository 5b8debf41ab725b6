/** The audit trail of commands that work on the data directory or database itself. */
import { userInfo } from "node:os";

import { type LocalChange, localEntry } from "../api/audit.ts";
import type { Store } from "../store/open-store.ts";
import { complain } from "./output.ts";

/** For what has been done. It stands even where the trail cannot be written: that is said, and the exit code is 1. */
export async function recordLocally(store: Store, change: Omit<LocalChange, "user">): Promise<void> {
  try {
    await store.auditTrail.record(localEntry({ user: userName(), ...change }, Date.now()));
  } catch (error) {
    process.exitCode = 1;
    const reason = error instanceof Error ? error.message : String(error);
    complain(`It was done, and could not be written into the audit trail: ${reason}`);
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // In a container a user may have no name.
    return `user ${process.getuid?.() ?? ""}`.trim();
  }
}
