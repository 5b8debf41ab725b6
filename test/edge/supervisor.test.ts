import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";

import { newMessageId } from "../../src/domain/message-id.ts";
import { freePort } from "../free-port.ts";
import { ask, type Load, startLoad } from "./client.ts";
import { createInstallation, type Installation } from "./installation.ts";
import { startTree } from "./tree.ts";

/** One byte more than Linux takes (MAX_ARG_STRLEN, with the NUL at its end). */
const LONG_ARGUMENT = 131_072;
const WAIT = { interval: 20, timeout: 60_000 };

function clicks(installation: Installation, port: number, connections = 16): Load {
  const next = () => {
    const key = newMessageId();
    return { key, path: installation.clickPath(key) };
  };
  return startLoad({ port, connections, next });
}

/** What every crash test comes to: answered after its commit means recorded, and nothing is there twice. */
async function assertNothingLost(installation: Installation, answered: readonly string[]): Promise<void> {
  const events = await installation.recorded();
  const messages = new Set<string>(events.map((event) => event.messageId));
  assert.equal(messages.size, events.length, "an event is there twice");
  assert.equal(new Set(events.map((event) => event.eventId)).size, events.length, "an id is there twice");
  assert.deepEqual(
    answered.filter((key) => !messages.has(key)),
    [],
    "answered and not recorded",
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("a second Waypost on the same data refuses to start, and says so", async () => {
  await using installation = await createInstallation();
  await using first = await startTree(installation, { edgeCount: 1 });
  const second = await startTree(installation, { isExpectedToFail: true });
  assert.equal(await second.exited, 1);
  assert.match(second.lines.at(-1)?.message ?? "", /^Waypost is already running on /);
  assert.equal((await ask({ port: first.port, path: installation.clickPath() })).status, 302);
});

test("a port that somebody else has is named, instead of sharing their clicks", async (t) => {
  await using installation = await createInstallation();
  const other = createServer().listen({ port: await freePort(), host: "127.0.0.1", reusePort: true });
  await once(other, "listening");
  t.after(() => other.close());
  const { port } = other.address() as { port: number };
  const tree = await startTree(installation, { port, timing: { portWithinMs: 200 }, isExpectedToFail: true });
  assert.equal(await tree.exited, 1);
  assert.equal(tree.lines.at(-1)?.message, `cannot listen on 127.0.0.1:${port}: EADDRINUSE`);
});

test("workers killed under load are replaced, and no answered click is lost or recorded twice", async () => {
  await using installation = await createInstallation();
  {
    await using tree = await startTree(installation);
    const load = clicks(installation, tree.port);
    for (let round = 1; round <= 4; round += 1) {
      const before = load.answered.length;
      while (load.answered.length < before + 200) await new Promise(setImmediate);
      const workers = tree.children("edge");
      process.kill(workers[round % workers.length]!, "SIGKILL");
      await tree.said("child ready", 2 + round, "edge");
    }
    await load.stop();
    // Each kill costs at most what was under way on that worker's connections.
    assert.ok(load.failures.length <= 4 * 16, `${load.failures.length} requests failed`);
    assert.equal(tree.children("edge").length, 2);
    await assertNothingLost(installation, load.answered);
  }
});

test("the edge doesn't miss a request while the control process is killed again and again", async () => {
  await using installation = await createInstallation();
  await using tree = await startTree(installation);
  const load = clicks(installation, tree.port);
  for (let round = 1; round <= 3; round += 1) {
    await tree.said("child ready", round, "control");
    process.kill(tree.children("control")[0]!, "SIGKILL");
  }
  await tree.said("child ready", 4, "control");
  await load.stop();
  assert.deepEqual(load.failures, []);
  await assertNothingLost(installation, load.answered);
});

test("the control process hears what the workers count", async (t) => {
  await using installation = await createInstallation();
  await using tree = await startTree(installation, { edgeCount: 1 });
  await ask({ port: tree.port, path: installation.clickPath() });
  await t.waitFor(async () => {
    const heard = JSON.parse(await readFile(join(installation.dataDir, "control-heard"), "utf8"));
    assert.equal(heard.pid, tree.children("edge")[0]);
    assert.equal(heard.stats.counts.replies.redirect, 1);
    assert.equal(heard.stats.spool.storedEvents, 1);
  }, WAIT);
});

test("a worker that hangs is noticed, killed and replaced", async () => {
  await using installation = await createInstallation();
  await using tree = await startTree(installation, { edgeCount: 1, timing: { heartbeatTimeoutMs: 4000 } });
  const [hung] = tree.children("edge");
  process.kill(hung!, "SIGSTOP");
  assert.equal((await tree.said("child is hung, killing it")).childPid, hung);
  await tree.said("child ready", 2, "edge");
  assert.equal((await ask({ port: tree.port, path: installation.clickPath() })).status, 302);
});

test("a control process that hangs is replaced, and the edge answers and records meanwhile", async () => {
  await using installation = await createInstallation();
  await using tree = await startTree(installation, { timing: { controlHeartbeatTimeoutMs: 4000 } });
  const load = clicks(installation, tree.port);
  const [hung] = tree.children("control");
  process.kill(hung!, "SIGSTOP");
  assert.equal((await tree.said("child is hung, killing it")).childPid, hung);
  await tree.said("child ready", 2, "control");
  await load.stop();
  assert.deepEqual(load.failures, []);
  await assertNothingLost(installation, load.answered);
});

test("a child that the system refuses to start is tried again, and the others serve", async () => {
  await using installation = await createInstallation();
  await using tree = await startTree(installation, { controlArgumentBytes: LONG_ARGUMENT });
  const refused = await tree.said("child ended, starting it again", 2, "control");
  assert.equal(refused.err?.code, "E2BIG");
  assert.equal((await ask({ port: tree.port, path: installation.clickPath() })).status, 302);
});

test("a restart without downtime replaces every process and fails no request", async (t) => {
  await using installation = await createInstallation();
  await using tree = await startTree(installation);
  const load = clicks(installation, tree.port);
  const before = [...tree.children("edge"), ...tree.children("control")];
  tree.process.kill("SIGUSR2");
  await tree.said("child ready", 4, "edge");
  await t.waitFor(() => assert.ok(!before.some(isAlive)), WAIT);
  await load.stop();
  assert.deepEqual(load.failures, []);
  await assertNothingLost(installation, load.answered);
});

for (const signal of ["SIGTERM", "SIGHUP"] as const)
  test(`${signal} under load ends everything within ten seconds and loses nothing`, async () => {
    await using installation = await createInstallation();
    const tree = await startTree(installation);
    const load = clicks(installation, tree.port);
    while (load.answered.length < 500) await new Promise(setImmediate);
    const pids = [...tree.children("edge"), ...tree.children("control")];
    const started = performance.now();
    tree.process.kill(signal);
    assert.equal(await tree.exited, 0);
    assert.ok(performance.now() - started < 10_000);
    assert.ok(!pids.some(isAlive));
    await load.stop();
    await assertNothingLost(installation, load.answered);
  });

test("when the supervisor is killed its children leave, and the next one takes over at once", async (t) => {
  await using installation = await createInstallation();
  const tree = await startTree(installation);
  const load = clicks(installation, tree.port);
  while (load.answered.length < 200) await new Promise(setImmediate);
  const pids = [...tree.children("edge"), ...tree.children("control")];
  tree.process.kill("SIGKILL");
  await tree.exited;
  await using next = await startTree(installation, { port: tree.port });
  await load.stop();
  assert.equal((await ask({ port: next.port, path: installation.clickPath() })).status, 302);
  await t.waitFor(() => assert.ok(!pids.some(isAlive)), WAIT);
  await assertNothingLost(installation, load.answered);
});
