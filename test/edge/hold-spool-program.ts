/** A process that takes the write lock of a slot and hangs with it: the worst that ingest could do to a worker. */
import { writeSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { openEnvironment } from "../../src/edge/spool-environment.ts";

export const HOLD_SPOOL_PROGRAM = fileURLToPath(import.meta.url);

if (import.meta.main) {
  const [directory = ""] = process.argv.slice(2);
  openEnvironment(directory).transactionSync(() => {
    writeSync(1, "held\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
}
