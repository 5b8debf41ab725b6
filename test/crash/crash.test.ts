import assert from "node:assert/strict";
import { statfsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { createTestDatabase } from "../postgres.ts";
import { mountSmallDisk } from "../small-disk.ts";
import { crashRounds, databaseOutage } from "./crash.ts";
import { startCrashRun, until } from "./crash-run.ts";

/** As many as fit into a test run; by hand it is twenty. */
const ROUNDS = 3;
const OUTAGE_MS = 2000;

test("whatever is killed under load, every answered click is stored once, and the edge doesn't miss the control process", async (t) => {
  const { answered } = await crashRounds(t, ROUNDS);
  assert.ok(answered > 500);
});

test("while the database is down the edge answers every click, and all of them arrive when it is back", async (t) => {
  const database = await createTestDatabase();
  t.after(() => database.drop());
  const { failed } = await databaseOutage(t, database.url, OUTAGE_MS);
  assert.equal(failed, 0);
});

test("on a full disk clicks are answered, and recorded once there is room again", {
  timeout: 300_000,
}, async (t) => {
  const disk = mountSmallDisk(t, 3);
  if (disk === undefined) return t.skip("mounting a small disk needs root");
  const run = await startCrashRun(
    t,
    { WAYPOST_EDGE_COMMIT_DEADLINE_MS: "25", WAYPOST_EDGE_WORKERS: "1" },
    {
      prepare: (dataDir) => symlinkSync(disk, join(dataDir, "spool")),
      // As long as one is kept: the disk is to be full soon.
      userAgent: "x".repeat(1024),
      linksInStock: 4000,
    },
  );
  const [control] = run.pids("control");
  assert.ok(control !== undefined);
  // Nobody makes room as long as it is stopped.
  process.kill(control, "SIGSTOP");
  // 1.2 KB each: there are links for more than there is room for.
  await until(async () => {
    const { bavail, bsize } = statfsSync(disk);
    return bavail * bsize < 64 * 1024;
  }, "the disk is full");
  await run.answered(300);
  process.kill(control, "SIGCONT");
  await run.refill();
  await run.answered(100);
  const { failed } = await run.settle();
  assert.equal(failed, 0);
});
