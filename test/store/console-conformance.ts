/** Sessions and the audit trail, the same on every database. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";

import type { AuditEntry } from "../../src/domain/audit.ts";
import { FAILURES_KEPT } from "../../src/store/audit-trail.ts";
import { SESSIONS_PER_KEY } from "../../src/store/sessions.ts";
import { createStore, type Ground, NOW_MS } from "./ground.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const IDLE_MS = HOUR_MS;

export function consoleConformance(name: string, ground: Ground): void {
  describe(`sessions in ${name}`, () => {
    const setUp = async (t: TestContext) => {
      const store = await createStore(t, ground);
      const make = (hash: string) =>
        store.apiKeys.create(
          { hash, label: "x", shortKey: "abcd", grants: [], validIps: [], subaccountId: undefined },
          NOW_MS,
        );
      return { ...store, key: await make("one"), other: await make("two") };
    };
    const at = (nowMs: number) => ({ nowMs, idleMs: IDLE_MS });

    test("a session stands for its key as it is now, until it is removed", async (t) => {
      const { sessions, key } = await setUp(t);
      const expiresAtMs = NOW_MS + 24 * HOUR_MS;
      assert.equal(await sessions.create({ idHash: "s", keyId: key.id, expiresAtMs }, NOW_MS), true);
      assert.deepEqual(await sessions.use("s", at(NOW_MS)), { key, expiresAtMs });
      assert.equal(await sessions.use("another", at(NOW_MS)), undefined);
      assert.equal(await sessions.remove("s"), true);
      assert.equal(await sessions.use("s", at(NOW_MS)), undefined);
      assert.equal(await sessions.remove("s"), false);
    });

    test("a session ends when it is not used, and lasts while it is, up to its last hour", async (t) => {
      const { sessions, key } = await setUp(t);
      const expiresAtMs = NOW_MS + 3 * HOUR_MS;
      await sessions.create({ idHash: "used", keyId: key.id, expiresAtMs }, NOW_MS);
      await sessions.create({ idHash: "idle", keyId: key.id, expiresAtMs }, NOW_MS);
      for (let minutes = 0; minutes < 180; minutes += 30) {
        assert.ok(await sessions.use("used", at(NOW_MS + minutes * MINUTE_MS)), `after ${minutes} minutes`);
      }
      assert.equal(await sessions.use("idle", at(NOW_MS + HOUR_MS)), undefined);
      assert.equal(await sessions.use("used", at(expiresAtMs)), undefined);
    });

    test("deleting a key ends its sessions, and no others", async (t) => {
      const { sessions, apiKeys, key, other } = await setUp(t);
      const expiresAtMs = NOW_MS + HOUR_MS;
      await sessions.create({ idHash: "a", keyId: key.id, expiresAtMs }, NOW_MS);
      await sessions.create({ idHash: "b", keyId: other.id, expiresAtMs }, NOW_MS);
      assert.equal(await apiKeys.remove(key.id), true);
      assert.equal(await sessions.use("a", at(NOW_MS)), undefined);
      assert.ok(await sessions.use("b", at(NOW_MS)));
      assert.equal(await sessions.create({ idHash: "c", keyId: key.id, expiresAtMs }, NOW_MS), false);
    });

    test("a key has a bounded number of sessions, the last used ones", async (t) => {
      const { sessions, key } = await setUp(t);
      const expiresAtMs = NOW_MS + HOUR_MS;
      for (let n = 0; n <= SESSIONS_PER_KEY; n += 1) {
        await sessions.create({ idHash: `s${n}`, keyId: key.id, expiresAtMs }, NOW_MS + n);
      }
      assert.equal(await sessions.use("s0", at(NOW_MS)), undefined);
      assert.ok(await sessions.use("s1", at(NOW_MS)));
      assert.ok(await sessions.use(`s${SESSIONS_PER_KEY}`, at(NOW_MS)));
    });
  });

  describe(`the audit trail in ${name}`, () => {
    const entry = (over: Partial<AuditEntry> = {}): AuditEntry => ({
      atMs: NOW_MS,
      kind: "change",
      keyId: "key",
      keyLabel: "Ann",
      via: "key",
      subaccountId: undefined,
      address: "192.0.2.1",
      action: "Create a tracking domain",
      method: "POST",
      path: "/api/v1/tracking-domains",
      fields: { domain: "click.example.com", secure: true },
      ...over,
    });

    test("shows entries as they were recorded, the newest first, page by page", async (t) => {
      const { auditTrail } = await createStore(t, ground);
      const recorded = [
        entry(),
        entry({ subaccountId: 7 }),
        entry({ keyId: undefined, keyLabel: undefined }),
      ];
      for (const one of recorded) await auditTrail.record(one);
      const found = await auditTrail.search({ limit: 2 });
      assert.deepEqual(
        found.map(({ sequence: _, ...rest }) => rest),
        [recorded[2], recorded[1]],
      );
      const rest = await auditTrail.search({ limit: 2, before: found[1]!.sequence });
      assert.deepEqual(
        rest.map(({ sequence: _, ...other }) => other),
        [recorded[0]],
      );
    });

    test("is searched by time, kind, key and part of the path, taken literally", async (t) => {
      const { auditTrail } = await createStore(t, ground);
      await auditTrail.record(entry({ path: "/a_b%c", keyId: "one" }));
      await auditTrail.record(entry({ path: "/aXbYc", keyId: "two", atMs: NOW_MS + 10 }));
      await auditTrail.record(entry({ path: "/back\\slash", kind: "sign_in", atMs: NOW_MS + 20 }));
      const paths = async (query: object) =>
        (await auditTrail.search({ limit: 10, ...query })).map(({ path }) => path);
      assert.deepEqual(await paths({ part: "a_b%c" }), ["/a_b%c"]);
      assert.deepEqual(await paths({ part: "k\\s" }), ["/back\\slash"]);
      assert.deepEqual(await paths({ keyIds: ["two"] }), ["/aXbYc"]);
      assert.deepEqual(await paths({ kinds: ["sign_in"] }), ["/back\\slash"]);
      assert.deepEqual(await paths({ fromMs: NOW_MS + 10, toMs: NOW_MS + 20 }), ["/aXbYc"]);
    });

    test("keeps the newest failed sign-ins only, and every change", async (t) => {
      const { auditTrail } = await createStore(t, ground);
      await auditTrail.record(entry());
      for (let n = 0; n < FAILURES_KEPT + 5; n += 1) {
        await auditTrail.record(entry({ kind: "sign_in_failed", atMs: NOW_MS + n }));
      }
      const failures = await auditTrail.search({ kinds: ["sign_in_failed"], limit: 10_000 });
      assert.equal(failures.length, FAILURES_KEPT);
      assert.equal(failures[0]?.atMs, NOW_MS + FAILURES_KEPT + 4);
      assert.equal((await auditTrail.search({ kinds: ["change"], limit: 10 })).length, 1);
    });

    test("drops what is too old, and the oldest of too many", async (t) => {
      const { auditTrail } = await createStore(t, ground);
      for (let n = 0; n < 10; n += 1) await auditTrail.record(entry({ atMs: NOW_MS + n }));
      assert.equal(await auditTrail.prune({ beforeMs: NOW_MS + 3, keep: 100 }), 3);
      assert.equal(await auditTrail.prune({ beforeMs: 0, keep: 2 }), 5);
      const left = await auditTrail.search({ limit: 100 });
      assert.deepEqual(
        left.map(({ atMs }) => atMs - NOW_MS),
        [9, 8],
      );
      assert.equal(await auditTrail.prune({ beforeMs: 0, keep: 2 }), 0);
    });
  });
}
