import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { startTcpProxy } from "../crash/tcp-proxy.ts";
import { freePort } from "../free-port.ts";
import { createTestDatabase } from "../postgres.ts";
import { CLI } from "./waypost-process.ts";

test("an edge worker that waits for the store's first answer says that it lives, and leaves with its supervisor", async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), "waypost-first-start-"));
  t.after(() => rm(dataDir, { recursive: true }));
  const worker = fork(CLI, ["edge"], { env: { ...process.env, WAYPOST_DATA_DIR: dataDir } });
  t.after(() => worker.kill("SIGKILL"));
  assert.deepEqual(await once(worker, "message"), [{ type: "heartbeat" }, undefined]);
  worker.disconnect();
  assert.deepEqual(await once(worker, "exit"), [0, null]);
});

test("a control process whose database is away says so in /readyz, and starts when it is there", async (t) => {
  const database = await createTestDatabase();
  t.after(() => database.drop());
  const url = new URL(database.url);
  await using proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
  url.host = `127.0.0.1:${proxy.port}`;
  const dataDir = await mkdtemp(join(tmpdir(), "waypost-first-start-"));
  t.after(() => rm(dataDir, { recursive: true }));
  const ops = await freePort();
  await proxy.goDown();
  const env = {
    ...process.env,
    WAYPOST_DATA_DIR: dataDir,
    WAYPOST_DATABASE_URL: url.href,
    WAYPOST_SECRET: "0123456789abcdef0123456789abcdef0123456789a",
    WAYPOST_ROLES: "worker",
    WAYPOST_OPS_LISTEN: `127.0.0.1:${ops}`,
  };
  const control = fork(CLI, ["control"], { env });
  t.after(() => control.kill("SIGKILL"));
  const readiness = async () => (await fetch(`http://127.0.0.1:${ops}/readyz`)).text();
  const isSaid = (text: string) =>
    t.waitFor(async () => assert.equal(await readiness(), text), { interval: 50, timeout: 60_000 });
  await isSaid("the store does not answer\n");
  // The edge goes on meanwhile, and its clicks wait.
  const metrics = await fetch(`http://127.0.0.1:${ops}/metrics`);
  assert.equal(metrics.status, 200);
  assert.match(await metrics.text(), /^waypost_spool_events 0$/m);
  await proxy.comeBack();
  await isSaid("ready\n");
  assert.ok(!existsSync(join(dataDir, "first-key")), "the first key is for a machine with the API");
  control.kill("SIGTERM");
  assert.deepEqual(await once(control, "exit"), [0, null]);
});
