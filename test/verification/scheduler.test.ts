import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { describe, type TestContext, test } from "node:test";

import type { Hostname } from "../../src/domain/hostname.ts";
import { type Scheduler, startScheduler } from "../../src/verification/scheduler.ts";
import type { Verifier } from "../../src/verification/verifier.ts";
import { memoryStore } from "./memory-store.ts";
import { CNAME_TARGET, setUp } from "./verifier-setup.ts";
import { edge, serveHttp } from "./web-servers.ts";

const NO_LOG = { error: () => {} };
const T0 = Date.UTC(2026, 0, 1);

function stopAfter(t: TestContext, scheduler: Scheduler): Scheduler {
  t.after(() => scheduler.stop());
  return scheduler;
}

/** A verifier that only says what it was asked for; `finish` ends every check under way. */
function recorder(): { verifier: Verifier; asked: EventEmitter; names: Hostname[]; finish: () => void } {
  const asked = new EventEmitter();
  const names: Hostname[] = [];
  let waiting: (() => void)[] = [];
  return {
    asked,
    names,
    finish: () => {
      for (const end of waiting.splice(0)) end();
    },
    verifier: {
      async verify(domain, trigger) {
        assert.equal(trigger, "background");
        names.push(domain);
        await new Promise<void>((resolve) => {
          waiting = [...waiting, resolve];
          asked.emit("asked", domain);
        });
        return { kind: "not_found" };
      },
    },
  };
}

describe("the scheduler", () => {
  test("verifies a domain whose check is due, and nothing else", { timeout: 60_000 }, async (t) => {
    const server = await serveHttp(t, edge, { address: "127.0.0.2" });
    const verified = new EventEmitter();
    const { verifier, store, log } = await setUp(t, {
      names: { "due.acme.com": { cname: CNAME_TARGET }, "later.acme.com": { cname: CNAME_TARGET } },
      port: server.port,
      onChange: ({ domain }) => verified.emit("changed", domain),
    });
    store.add("due.acme.com", { nextCheckAtMs: T0 - 1 });
    store.add("later.acme.com", { nextCheckAtMs: T0 + 1 });
    store.add("given-up.acme.com", { nextCheckAtMs: undefined });
    const changed = once(verified, "changed");
    const scheduler = stopAfter(t, startScheduler({ store, verifier, now: () => T0, log, intervalMs: 5 }));
    assert.deepEqual(await changed, ["due.acme.com"]);
    await scheduler.stop();
    assert.equal(store.state("due.acme.com")?.cnameStatus, "valid");
    assert.equal(store.checks("due.acme.com")[0]?.trigger, "background");
    assert.equal(store.checks("later.acme.com").length + store.checks("given-up.acme.com").length, 0);
  });

  test("runs at most sixteen checks at once and goes on without a pause while more are due", {
    timeout: 60_000,
  }, async (t) => {
    const store = memoryStore();
    for (let i = 0; i < 40; i++) store.add(`c${i}.acme.com`, { nextCheckAtMs: T0 });
    const { verifier, asked, names, finish } = recorder();
    const counts: number[] = [];
    asked.on("asked", () => {
      if (names.length % 16 === 0 || names.length === 40) {
        counts.push(names.length);
        setImmediate(finish);
      }
    });
    const allAsked = new Promise<void>((resolve) =>
      asked.on("asked", () => names.length === 40 && resolve()),
    );
    stopAfter(t, startScheduler({ store, verifier, now: () => T0, log: NO_LOG, intervalMs: 3_600_000 }));
    await allAsked;
    assert.deepEqual(counts, [16, 32, 40]);
    assert.equal(new Set(names).size, 40);
  });

  test("two of them never check the same domain", { timeout: 60_000 }, async (t) => {
    const store = memoryStore();
    for (let i = 0; i < 20; i++) store.add(`c${i}.acme.com`, { nextCheckAtMs: T0 });
    const { verifier, asked, names, finish } = recorder();
    const allAsked = new Promise<void>((resolve) =>
      asked.on("asked", () => names.length === 20 && resolve()),
    );
    const start = () => startScheduler({ store, verifier, now: () => T0, log: NO_LOG, intervalMs: 5 });
    const both = [start(), start()];
    await allAsked;
    finish();
    await Promise.all(both.map((scheduler) => scheduler.stop()));
    assert.equal(new Set(names).size, names.length);
    t.diagnostic(`${names.length} checks`);
  });

  test("stops only after the checks under way have ended", { timeout: 60_000 }, async () => {
    const store = memoryStore();
    store.add("click.acme.com", { nextCheckAtMs: T0 });
    const { verifier, asked, finish } = recorder();
    const begun = once(asked, "asked");
    const scheduler = startScheduler({ store, verifier, now: () => T0, log: NO_LOG, intervalMs: 5 });
    await begun;
    let stopped = false;
    const stopping = scheduler.stop().then(() => {
      stopped = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(stopped, false);
    finish();
    await stopping;
  });

  test("stops at once while nothing is due", { timeout: 60_000 }, async () => {
    const { verifier } = recorder();
    const scheduler = startScheduler({
      store: memoryStore(),
      verifier,
      now: () => T0,
      log: NO_LOG,
      intervalMs: 3_600_000,
    });
    await new Promise((resolve) => setImmediate(resolve));
    await scheduler.stop();
    await scheduler.stop();
  });

  test("outlives a store that fails and a check that throws, and says so", { timeout: 60_000 }, async (t) => {
    const store = memoryStore();
    store.add("click.acme.com", { nextCheckAtMs: T0 });
    const messages: string[] = [];
    const logged = new EventEmitter();
    const log = {
      error: (_: unknown, message: string) => {
        messages.push(message);
        logged.emit("error-line", message);
      },
    };
    let calls = 0;
    const claimDue: typeof store.claimDue = (...args) =>
      ++calls === 1 ? Promise.reject(new Error("the database is gone")) : store.claimDue(...args);
    const verifier: Verifier = { verify: () => Promise.reject(new Error("the database is gone again")) };
    const second = new Promise<void>((resolve) =>
      logged.on("error-line", () => messages.length === 2 && resolve()),
    );
    stopAfter(t, startScheduler({ store: { claimDue }, verifier, now: () => T0, log, intervalMs: 1 }));
    await second;
    assert.deepEqual(messages, [
      "due verifications could not be read",
      "background verification failed to run",
    ]);
  });
});
