import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));

test("an edge worker that waits for the store's first answer says that it lives, and leaves with its supervisor", async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), "waypost-first-start-"));
  t.after(() => rm(dataDir, { recursive: true }));
  const worker = fork(CLI, ["edge"], { env: { ...process.env, WAYPOST_DATA_DIR: dataDir } });
  t.after(() => worker.kill("SIGKILL"));
  assert.deepEqual(await once(worker, "message"), [{ type: "heartbeat" }, undefined]);
  worker.disconnect();
  assert.deepEqual(await once(worker, "exit"), [0, null]);
});
