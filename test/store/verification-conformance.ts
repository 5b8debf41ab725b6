/** The contract of what the verifier remembers, the same on every database. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { PRIMARY_ACCOUNT } from "../../src/domain/subaccount.ts";
import type { VerificationState } from "../../src/verification/verification-state.ts";
import { createDomain, createStore, type Ground, host, NOW_MS, passedCheck, reopen } from "./ground.ts";

export function verificationConformance(name: string, ground: Ground): void {
  describe(`verification in ${name}`, () => {
    test("a new domain waits for its first check, due in a minute", async (t) => {
      const store = await createStore(t, ground);
      const domain = await createDomain(store, "click.example.com");
      assert.deepEqual(await store.verification.findForCheck(domain), {
        domain,
        secure: false,
        state: {
          cnameStatus: "unverified",
          complianceStatus: "valid",
          httpsWorks: false,
          blockedByOperator: false,
          consecutiveFailures: 0,
          firstFailureAtMs: undefined,
          waitingSinceMs: NOW_MS,
          lastCheckedAtMs: undefined,
          nextCheckAtMs: NOW_MS + 60_000,
        },
      });
      assert.equal(await store.verification.findForCheck(host("other.example.com")), undefined);
    });

    test("a check stores every part of the new state, and undefined again where there was something", async (t) => {
      const store = await createStore(t, ground);
      const domain = await createDomain(store, "click.example.com");
      const full: VerificationState = {
        cnameStatus: "invalid",
        complianceStatus: "pending",
        httpsWorks: true,
        blockedByOperator: false,
        consecutiveFailures: 2,
        firstFailureAtMs: NOW_MS - 7,
        waitingSinceMs: NOW_MS - 8,
        lastCheckedAtMs: NOW_MS,
        nextCheckAtMs: 8_640_000_000_000_000,
      };
      const empty = {
        ...full,
        firstFailureAtMs: undefined,
        lastCheckedAtMs: undefined,
        nextCheckAtMs: undefined,
      };
      for (const next of [full, empty]) {
        assert.deepEqual(await store.verification.recordCheck(domain, passedCheck(domain), () => next), next);
        assert.deepEqual((await store.verification.findForCheck(domain))?.state, next);
      }
    });

    test("a check cannot lift an operator's block, and one that blocks is seen by the edge", async (t) => {
      const store = await createStore(t, ground);
      const domain = await createDomain(store, "click.example.com");
      const record = (over: Partial<VerificationState>) =>
        store.verification.recordCheck(domain, passedCheck(domain), (current) => ({ ...current, ...over }));
      const version = await store.trackingDomains.stateVersion();
      await record({ complianceStatus: "blocked", blockedByOperator: true });
      assert.equal((await store.verification.findForCheck(domain))?.state.blockedByOperator, false);
      assert.equal((await store.trackingDomains.changedHosts(0)).hosts[0]?.blocked, true);
      assert.ok((await store.trackingDomains.stateVersion()) > version);

      await store.trackingDomains.setBlocked(domain, true);
      assert.equal((await record({ blockedByOperator: false }))?.blockedByOperator, true);
    });

    test("the newest 50 checks are kept, and come back newest first, as they were", async (t) => {
      const store = await createStore(t, ground);
      const [domain, other] = [
        await createDomain(store, "a.example.com"),
        await createDomain(store, "b.example.com"),
      ];
      const failed = {
        ...passedCheck(other),
        trigger: "background",
        scheme: "https",
        failure: "Unable to reach https://b.example.com:443.",
        result: { cnameStatus: "pending", complianceStatus: "valid" },
        evidence: {
          dns: undefined,
          probe: {
            endpoint: "https://b.example.com:443",
            address: undefined,
            outcome: { kind: "timed_out" },
            tookMs: 5000,
          },
          looksProxied: true,
        },
      } as const;
      await store.verification.recordCheck(other, failed, (current) => current);
      for (let n = 0; n < 53; n++) {
        await store.verification.recordCheck(domain, passedCheck(domain, NOW_MS + n), (current) => current);
      }
      const kept = await store.verification.listChecks(domain, 1000);
      assert.deepEqual(
        kept.map(({ checkedAtMs }) => checkedAtMs - NOW_MS),
        Array.from({ length: 50 }, (_, n) => 52 - n),
      );
      assert.deepEqual(await store.verification.listChecks(domain, 1), [passedCheck(domain, NOW_MS + 52)]);
      const [read] = await store.verification.listChecks(other, 10);
      assert.equal(JSON.stringify(read), JSON.stringify(failed));
    });

    test("the newest check of every domain in a state is found at once, and none of those that were deleted", async (t) => {
      const store = await createStore(t, ground);
      for (const [name, cnameStatus] of [
        ["a.example.com", "invalid"],
        ["b.example.com", "invalid"],
        ["pending.example.com", "pending"],
        ["deleted.example.com", "invalid"],
      ] as const) {
        const domain = await createDomain(store, name);
        for (const n of [0, 1])
          await store.verification.recordCheck(domain, passedCheck(domain, NOW_MS + n), (current) => ({
            ...current,
            cnameStatus,
          }));
      }
      await createDomain(store, "unchecked.example.com");
      await store.trackingDomains.remove("deleted.example.com", 0, NOW_MS);
      const found = await store.verification.newestChecks("invalid", "all");
      assert.deepEqual(await store.verification.newestChecks("invalid", [PRIMARY_ACCOUNT]), found);
      assert.deepEqual(await store.verification.newestChecks("invalid", [7]), []);
      assert.deepEqual(
        found.toSorted((a, b) => (a.domain < b.domain ? -1 : 1)),
        ["a.example.com", "b.example.com"].map((name) => {
          const domain = host(name);
          return { ...passedCheck(domain, NOW_MS + 1), domain };
        }),
      );
    });

    test("a check of a domain that has gone meanwhile stores nothing", async (t) => {
      const store = await createStore(t, ground);
      const domain = await createDomain(store, "click.example.com");
      await store.trackingDomains.remove(domain, 0, NOW_MS);
      const unexpected = () => assert.fail("there is no state to change");
      assert.equal(await store.verification.recordCheck(domain, passedCheck(domain), unexpected), undefined);
      assert.deepEqual(await store.verification.listChecks(domain, 10), []);
    });

    test("a check whose new state cannot be made stores nothing", async (t) => {
      const store = await createStore(t, ground);
      const domain = await createDomain(store, "click.example.com");
      const failing = () => {
        throw new Error("no state");
      };
      await assert.rejects(store.verification.recordCheck(domain, passedCheck(domain), failing), /no state/);
      assert.deepEqual(await store.verification.listChecks(domain, 10), []);
      await createDomain(store, "next.example.com");
    });

    test("what is due is claimed soonest first, once, and again when the lease has run out", async (t) => {
      const store = await createStore(t, ground);
      for (const [n, name] of ["c", "a", "b", "d"].entries()) {
        const domain = host(`${name}.example.com`);
        const created = { domain, subaccountId: 0, secure: false, complianceStatus: "valid" } as const;
        await store.trackingDomains.create(created, NOW_MS - 60_000 + n);
      }
      const claim = async (nowMs: number, limit: number) =>
        (await store.verification.claimDue(nowMs, limit, 1000)).map(({ domain }) => domain[0]);
      assert.deepEqual(await claim(NOW_MS - 1, 10), []);
      assert.deepEqual(await claim(NOW_MS + 2, 2), ["c", "a"]);
      assert.deepEqual(await claim(NOW_MS + 2, 2), ["b"]);
      assert.deepEqual(await claim(NOW_MS + 3, 2), ["d"]);
      assert.deepEqual(await claim(NOW_MS + 1001, 10), []);
      const [claimed] = await store.verification.claimDue(NOW_MS + 1002, 10, 5000);
      assert.equal(claimed?.domain, "a.example.com");
      assert.equal(claimed?.state.nextCheckAtMs, NOW_MS + 6002);
    });

    test("two processes never claim the same domain", async (t) => {
      const location = await ground.createLocation(t);
      const stores = [await reopen(t, location), await reopen(t, location)];
      for (let n = 0; n < 30; n++) await createDomain(stores[0]!, `d${n}.example.com`);
      const claims = await Promise.all(
        Array.from({ length: 12 }, (_, n) =>
          stores[n % 2]!.verification.claimDue(NOW_MS + 60_000, 5, 60_000),
        ),
      );
      const claimed = claims.flat().map(({ domain }) => domain);
      assert.equal(claimed.length, 30);
      assert.equal(new Set(claimed).size, 30);
    });
  });
}
