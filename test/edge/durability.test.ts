import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";

import { SpoolReader } from "../../src/edge/spool-reader.ts";
import { type HeartbeatMessage, isChildMessage } from "../../src/edge/worker-messages.ts";
import { freePort } from "../free-port.ts";
import { ask } from "./client.ts";
import { HOLD_SPOOL_PROGRAM } from "./hold-spool-program.ts";
import { createInstallation } from "./installation.ts";
import { TREE_PROGRAM, treeArguments } from "./tree-program.ts";

const WAIT = { interval: 20, timeout: 60_000 };
const DEADLINE_MS = 40;

test("when storage hangs a recipient waits for the deadline at most, and the event is recorded when it can be", async (t) => {
  await using installation = await createInstallation();
  const worker = await installation.startWorker({ commitDeadlineMs: DEADLINE_MS });
  const { port } = worker.address;
  const slot = join(installation.dataDir, "spool", String(worker.stats().spool.slots[0]));
  const holder = spawn(process.execPath, [HOLD_SPOOL_PROGRAM, slot], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => holder.kill("SIGKILL"));
  await once(holder.stdout, "data");

  const started = performance.now();
  const { status } = await ask({ port, path: installation.clickPath() });
  const waitedMs = performance.now() - started;
  assert.equal(status, 302);
  assert.ok(waitedMs >= DEADLINE_MS - 2, `answered after ${waitedMs} ms, before the commit`);
  assert.equal(worker.stats().counts.lateCommits, 1);
  assert.equal(worker.stats().spool.pendingEvents, 1);

  // Dying with the lock must not keep it from the worker either.
  holder.kill("SIGKILL");
  await t.waitFor(() => assert.equal(worker.stats().spool.storedEvents, 1), WAIT);
  assert.equal((await installation.recorded()).length, 1);
  // On a busy disk a commit or two may be late all the same.
  await t.waitFor(async () => {
    const before = worker.stats().counts.lateCommits;
    assert.equal((await ask({ port, path: installation.clickPath() })).status, 302);
    assert.equal(worker.stats().counts.lateCommits, before);
  }, WAIT);
});

test("what a stop leaves behind because storage hangs is said, and counted", async (t) => {
  await using installation = await createInstallation();
  const said: { fields: object; message: string }[] = [];
  const error = (fields: object, message: string) => said.push({ fields, message });
  const worker = await installation.startWorker({
    commitDeadlineMs: DEADLINE_MS,
    log: { info: () => undefined, warn: () => undefined, error },
  });
  const slot = join(installation.dataDir, "spool", String(worker.stats().spool.slots[0]));
  const holder = spawn(process.execPath, [HOLD_SPOOL_PROGRAM, slot], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => holder.kill("SIGKILL"));
  await once(holder.stdout, "data");
  assert.equal((await ask({ port: worker.address.port, path: installation.clickPath() })).status, 302);
  await worker.stop();
  assert.match(said.at(-1)?.message ?? "", /events were lost/);
  assert.equal((said.at(-1)?.fields as { lost?: number } | undefined)?.lost, 1);
  assert.equal(worker.stats().spool.lostEvents, 1);
});

test("with a full disk clicks go on, nothing is corrupted, and what waited is recorded once there is room", async (t) => {
  await using installation = await createInstallation();
  const { log: _, ...edge } = installation.edgeOptions;
  const port = await freePort();
  const settings = {
    dataDir: installation.dataDir,
    edge: { ...edge, listen: { host: "127.0.0.1", port }, commitDeadlineMs: DEADLINE_MS },
    edgeCount: 1,
  };
  // No file larger than 1 MB, of which there is one for each of its spools: to the worker that is a disk without room. Without the trap it would be a signal.
  const limited = `trap "" XFSZ; ulimit -f 2048; exec "$@"`;
  const program = [process.execPath, TREE_PROGRAM, ...treeArguments("edge", settings)];
  const worker = spawn("sh", ["-c", limited, "sh", ...program], {
    stdio: ["ignore", "inherit", "pipe", "ipc"],
  });
  t.after(() => worker.kill("SIGKILL"));
  let heard: HeartbeatMessage["stats"] | undefined;
  worker.on("message", (message) => {
    if (isChildMessage(message) && message.type === "heartbeat") heard = message.stats;
  });
  await t.waitFor(() => assert.ok(heard), WAIT);

  let sent = 0;
  const burst = async (): Promise<void> => {
    const headers = { "user-agent": "x".repeat(1000) };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => ask({ port, path: installation.clickPath(), headers })),
    );
    sent += answers.length;
    assert.ok(answers.every(({ status }) => status === 302));
  };
  while (sent < 2000) await burst();
  await t.waitFor(() => assert.ok((heard?.spool.failedCommits ?? 0) > 0), WAIT);
  await burst();
  assert.equal(worker.exitCode, null);

  const reader = new SpoolReader(edge.spoolDirectory, () => assert.fail("the spool is damaged"));
  let moved = 0;
  await t.waitFor(async () => {
    const batch = reader.readBatch(500);
    await reader.remove(batch);
    moved += batch.length;
    assert.deepEqual([moved, heard?.spool.pendingEvents, heard?.spool.lostEvents], [sent, 0, 0]);
  }, WAIT);
  assert.equal(heard?.spool.failure, undefined);
  await reader.close();
  worker.kill("SIGTERM");
  const [code] = await once(worker, "exit");
  assert.equal(code, 0);
});

test("a spool at its limit lets redirects go on, says and counts what is lost, and takes events again once emptied", async (t) => {
  await using installation = await createInstallation();
  const said: { fields: object; message: string }[] = [];
  const error = (fields: object, message: string) => said.push({ fields, message });
  const worker = await installation.startWorker({
    maxSpoolBytes: 300 * 1024,
    lossReportMs: 50,
    log: { info: () => undefined, warn: () => undefined, error },
  });
  const { port } = worker.address;
  let sent = 0;
  const burst = async (): Promise<void> => {
    const headers = { "user-agent": "x".repeat(1000) };
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => ask({ port, path: installation.clickPath(), headers })),
    );
    sent += answers.length;
    assert.ok(answers.every(({ status }) => status === 302));
  };
  await t.waitFor(async () => {
    await burst();
    assert.ok(worker.stats().spool.lostEvents > 0);
  }, WAIT);
  await burst();
  await t.waitFor(() => assert.match(said[0]?.message ?? "", /events were lost/), WAIT);

  const reader = new SpoolReader(join(installation.dataDir, "spool"), () =>
    assert.fail("the spool is damaged"),
  );
  let stored = 0;
  const empty = async (): Promise<void> => {
    for (let batch = reader.readBatch(500); batch.length > 0; batch = reader.readBatch(500)) {
      stored += batch.length;
      await reader.remove(batch);
    }
  };
  await empty();
  const { lostEvents } = worker.stats().spool;
  await t.waitFor(async () => {
    await burst();
    await empty();
    assert.equal(stored + worker.stats().spool.lostEvents, sent);
    assert.ok(stored > sent - lostEvents - 40);
  }, WAIT);
  await reader.close();
});
