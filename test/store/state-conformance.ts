/** The state's contract, the same on every database. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";

import { sql } from "kysely";

import { type Hostname, parseHostname } from "../../src/domain/hostname.ts";
import type { NewApiKey } from "../../src/store/api-keys.ts";
import type { StoredCertificate } from "../../src/store/certificates.ts";
import { isUniqueViolation } from "../../src/store/constraint-errors.ts";
import {
  createDomain,
  createStore,
  createVerifiedDomain,
  type Ground,
  host,
  NOW_MS,
  passedCheck,
  reopen,
} from "./ground.ts";

export function stateConformance(name: string, ground: Ground): void {
  describe(`tracking domains in ${name}`, () => {
    test("a new domain is unverified and not the default, and everything else as it was created", async (t) => {
      const { trackingDomains } = await createStore(t, ground);
      const domain = host("click.example.com");
      const created = { domain, subaccountId: 3, secure: true, complianceStatus: "pending" } as const;
      assert.equal(await trackingDomains.create(created, NOW_MS), "created");
      assert.deepEqual(await trackingDomains.find("click.example.com", "all"), {
        domain: "click.example.com",
        subaccountId: 3,
        secure: true,
        isDefault: false,
        cnameStatus: "unverified",
        complianceStatus: "pending",
        httpsWorks: false,
        tls: { certificate: undefined, error: undefined, isRefused: false },
      });
    });

    test("a name can be created once, by whomever", async (t) => {
      const store = await createStore(t, ground);
      const domain = await createDomain(store, "click.example.com", 1);
      for (const subaccountId of [1, 2]) {
        assert.equal(await store.trackingDomains.isTaken(domain, subaccountId), true);
        const again = { domain, subaccountId, secure: false, complianceStatus: "valid" } as const;
        assert.equal(await store.trackingDomains.create(again, NOW_MS), "taken");
      }
      assert.equal(await store.trackingDomains.isTaken(host("free.example.com"), 1), false);
    });

    test("of many who create the same name at once, one gets it", async (t) => {
      const location = await ground.createLocation(t);
      const stores = [await reopen(t, location), await reopen(t, location)];
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          stores[n % 2]!.trackingDomains.create(
            { domain: host("click.example.com"), subaccountId: n, secure: false, complianceStatus: "valid" },
            NOW_MS,
          ),
        ),
      );
      assert.equal(outcomes.filter((outcome) => outcome === "created").length, 1);
    });

    test("a domain is found by its owner and by the whole account, and by no other tenant", async (t) => {
      const store = await createStore(t, ground);
      const domain = await createDomain(store, "click.example.com", 1);
      for (const scope of [1, "all"] as const) {
        assert.equal((await store.trackingDomains.find(domain, scope))?.domain, domain);
      }
      for (const scope of [0, 2]) assert.equal(await store.trackingDomains.find(domain, scope), undefined);
      assert.equal(await store.trackingDomains.find("nul\0.example.com", "all"), undefined);
    });

    test("lists are in byte order and can be narrowed to tenants and to defaults", async (t) => {
      const store = await createStore(t, ground);
      const names = [
        "b.example.com",
        "a-b.example.com",
        "ab.example.com",
        "a.example.com",
        "xn--zrich-kva.example",
      ];
      for (const [n, name] of names.entries()) await createVerifiedDomain(store, name, n % 2);
      await store.trackingDomains.update("ab.example.com", 0, { isDefault: true }, NOW_MS);
      const list = async (filter: Parameters<typeof store.trackingDomains.list>[0]) =>
        (await store.trackingDomains.list(filter)).map(({ domain }) => domain as string);

      assert.deepEqual(await list({ subaccounts: "all" }), names.toSorted());
      assert.deepEqual(await list({ subaccounts: [1] }), ["a-b.example.com", "a.example.com"]);
      assert.deepEqual(await list({ subaccounts: [1, 0, 77] }), names.toSorted());
      assert.deepEqual(await list({ subaccounts: [] }), []);
      assert.deepEqual(await list({ subaccounts: "all", isDefault: true }), ["ab.example.com"]);
      assert.equal((await list({ subaccounts: "all", isDefault: false })).length, 4);
      assert.deepEqual(await list({ subaccounts: [1], isDefault: true }), []);
    });

    test("10,000 domains are listed, whole and in order", async (t) => {
      const location = await ground.createLocation(t);
      const { trackingDomains } = await reopen(t, location);
      const { db } = await ground.connect(t, location);
      await sql`
        with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n < 9999)
        insert into tracking_domains (domain, subaccount_id, former_owners, secure, is_default, cname_status,
          compliance_status, https_works, blocked_by_operator, consecutive_failures, waiting_since_ms, created_at_ms)
        select 'd' || n || '.example.com', n % 3, '[]', true, false, 'valid', 'valid', false, false, 0, 0, 0
        from numbers`.execute(db);
      const started = performance.now();
      const listed = await trackingDomains.list({ subaccounts: "all" });
      t.diagnostic(`listed in ${Math.round(performance.now() - started)} ms`);
      assert.deepEqual(
        listed.map(({ domain }) => domain as string),
        Array.from({ length: 10_000 }, (_, n) => `d${n}.example.com`).toSorted(),
      );
      assert.equal((await trackingDomains.changedHosts(0)).hosts.length, 10_000);
    });

    test("a change touches only what it names, and only the owner's domain", async (t) => {
      const store = await createStore(t, ground);
      const domain = await createVerifiedDomain(store, "click.example.com", 1);
      const before = await store.trackingDomains.find(domain, 1);
      assert.ok(before);
      const { update, find } = store.trackingDomains;
      assert.equal(await update(domain, 1, { secure: true }, NOW_MS), "updated");
      assert.deepEqual(await find(domain, 1), { ...before, secure: true });
      assert.equal(await update(domain, 1, { isDefault: true }, NOW_MS), "updated");
      assert.deepEqual(await find(domain, 1), { ...before, secure: true, isDefault: true });
      assert.equal(await update(domain, 1, {}, NOW_MS), "updated");
      assert.equal(await update(domain, 1, { isDefault: false, secure: false }, NOW_MS), "updated");
      assert.deepEqual(await find(domain, 1), before);
      for (const owner of [0, 2])
        assert.equal(await update(domain, owner, { secure: true }, NOW_MS), "not_found");
      assert.deepEqual(await find(domain, 1), before);
    });

    test("a change of secure makes the domain due for a check, and forgets what was seen of TLS", async (t) => {
      const store = await createStore(t, ground);
      const domain = await createVerifiedDomain(store, "click.example.com");
      const later = NOW_MS + 5;
      const saw = { ...passedCheck(domain), scheme: "https" } as const;
      await store.verification.recordCheck(domain, saw, (current) => ({ ...current, httpsWorks: true }));
      const nextCheck = async () => (await store.verification.findForCheck(domain))?.state.nextCheckAtMs;
      const httpsWorks = async () => (await store.trackingDomains.find(domain, 0))?.httpsWorks;
      const scheduled = await nextCheck();
      await store.trackingDomains.update(domain, 0, { secure: false, isDefault: true }, later);
      assert.equal(await nextCheck(), scheduled);
      assert.equal(await httpsWorks(), true);
      await store.trackingDomains.update(domain, 0, { secure: true }, later);
      assert.equal(await nextCheck(), later);
      assert.equal(await httpsWorks(), false);
    });

    test("a new default unsets the former one of the same owner, and of nobody else", async (t) => {
      const store = await createStore(t, ground);
      const [first, second] = [
        await createVerifiedDomain(store, "a.example.com"),
        await createVerifiedDomain(store, "b.example.com"),
      ];
      const other = await createVerifiedDomain(store, "c.example.com", 1);
      for (const [domain, owner] of [
        [first, 0],
        [other, 1],
        [second, 0],
        [second, 0],
      ] as const) {
        assert.equal(
          await store.trackingDomains.update(domain, owner, { isDefault: true }, NOW_MS),
          "updated",
        );
      }
      assert.equal((await store.trackingDomains.findDefault(0))?.domain, second);
      assert.equal((await store.trackingDomains.findDefault(1))?.domain, other);
      assert.equal(await store.trackingDomains.findDefault(2), undefined);
      assert.equal((await store.trackingDomains.list({ subaccounts: [0], isDefault: true })).length, 1);
    });

    test("an unverified domain cannot become the default, and then nothing else is changed either", async (t) => {
      const store = await createStore(t, ground);
      const former = await createVerifiedDomain(store, "a.example.com");
      const domain = await createDomain(store, "b.example.com");
      await store.trackingDomains.update(former, 0, { isDefault: true }, NOW_MS);
      assert.equal(
        await store.trackingDomains.update(domain, 0, { isDefault: true, secure: true }, NOW_MS),
        "unverified",
      );
      assert.equal((await store.trackingDomains.find(domain, 0))?.secure, false);
      assert.equal((await store.trackingDomains.findDefault(0))?.domain, former);
    });

    test("of many defaults set at once, by two processes, exactly one remains", async (t) => {
      const location = await ground.createLocation(t);
      const stores = [await reopen(t, location), await reopen(t, location)];
      const domains = [];
      for (let n = 0; n < 6; n++) domains.push(await createVerifiedDomain(stores[0]!, `d${n}.example.com`));
      for (let round = 0; round < 5; round++) {
        const outcomes: readonly string[] = await Promise.all(
          domains.map((domain, n) =>
            stores[n % 2]!.trackingDomains.update(domain, 0, { isDefault: true }, NOW_MS),
          ),
        );
        assert.deepEqual(new Set(outcomes), new Set(["updated"]));
        assert.equal(
          (await stores[0]!.trackingDomains.list({ subaccounts: [0], isDefault: true })).length,
          1,
        );
      }
    });

    test("a deleted domain is gone from the API's eyes, its default flag and its associations with it", async (t) => {
      const store = await createStore(t, ground);
      const domain = await createVerifiedDomain(store, "click.example.com", 1);
      await store.trackingDomains.update(domain, 1, { isDefault: true }, NOW_MS);
      await store.sendingDomains.put({ domain: "example.com", subaccountId: 1, trackingDomain: domain });
      assert.equal(await store.trackingDomains.remove(domain, 0, NOW_MS), false);
      assert.equal(await store.trackingDomains.remove(domain, 1, NOW_MS), true);
      assert.equal(await store.trackingDomains.remove(domain, 1, NOW_MS), false);

      assert.equal(await store.trackingDomains.find(domain, "all"), undefined);
      assert.deepEqual(await store.trackingDomains.list({ subaccounts: "all" }), []);
      assert.equal(await store.trackingDomains.findDefault(1), undefined);
      assert.equal(await store.trackingDomains.update(domain, 1, { secure: true }, NOW_MS), "not_found");
      assert.equal(await store.verification.findForCheck(domain), undefined);
      assert.deepEqual(await store.verification.claimDue(NOW_MS * 2, 10, 1000), []);
      assert.equal((await store.sendingDomains.find("example.com", 1))?.trackingDomain, undefined);
      assert.deepEqual((await store.trackingDomains.changedHosts(0)).hosts, [
        { domain, owners: [1], blocked: false },
      ]);
    });

    test("a deleted name is its former owner's to create again, fresh, and nobody else's", async (t) => {
      const store = await createStore(t, ground);
      const domain = await createVerifiedDomain(store, "click.example.com", 1);
      await store.trackingDomains.remove(domain, 1, NOW_MS);
      const again = { domain, secure: true, complianceStatus: "pending" } as const;
      for (const subaccountId of [0, 2]) {
        assert.equal(await store.trackingDomains.isTaken(domain, subaccountId), true);
        assert.equal(await store.trackingDomains.create({ ...again, subaccountId }, NOW_MS), "taken");
      }
      assert.equal(await store.trackingDomains.isTaken(domain, 1), false);
      assert.equal(await store.trackingDomains.create({ ...again, subaccountId: 1 }, NOW_MS + 1), "created");
      const { cnameStatus, secure } = (await store.trackingDomains.find(domain, 1)) ?? {};
      assert.deepEqual({ cnameStatus, secure }, { cnameStatus: "unverified", secure: true });
      assert.deepEqual(await store.verification.listChecks(domain, 10), []);
      const { state } = (await store.verification.findForCheck(domain)) ?? {};
      assert.equal(state?.waitingSinceMs, NOW_MS + 1);
      assert.equal(state?.nextCheckAtMs, NOW_MS + 1 + 60_000);
    });

    test("a released name may be created by anybody, and its former owners' links go on working", async (t) => {
      const store = await createStore(t, ground);
      const { trackingDomains } = store;
      const domain = await createDomain(store, "click.example.com", 1);
      assert.equal(await trackingDomains.release(domain), false);
      await trackingDomains.remove(domain, 1, NOW_MS);
      assert.equal(await trackingDomains.release("other.example.com"), false);
      assert.equal(await trackingDomains.release(domain), true);
      assert.equal(await trackingDomains.release(domain), false);
      assert.deepEqual((await trackingDomains.changedHosts(0)).hosts[0]?.owners, [1]);

      await createDomain(store, domain, 2);
      assert.deepEqual((await trackingDomains.changedHosts(0)).hosts[0]?.owners, [2, 1]);
      await trackingDomains.remove(domain, 2, NOW_MS);
      await trackingDomains.release(domain);
      await createDomain(store, domain, 1);
      assert.deepEqual((await trackingDomains.changedHosts(0)).hosts, [
        { domain, owners: [1, 2], blocked: false },
      ]);
    });

    test("an operator's block outlives deletion, and ends when the operator says so", async (t) => {
      const store = await createStore(t, ground);
      const { trackingDomains } = store;
      const domain = await createDomain(store, "click.example.com", 1);
      const seen = async () => [
        (await trackingDomains.find(domain, 1))?.complianceStatus,
        (await store.verification.findForCheck(domain))?.state.blockedByOperator,
        (await trackingDomains.changedHosts(0)).hosts[0]?.blocked,
      ];
      assert.equal(await trackingDomains.setBlocked("other.example.com", true), false);
      assert.equal(await trackingDomains.setBlocked(domain, true), true);
      assert.deepEqual(await seen(), ["blocked", true, true]);
      await trackingDomains.remove(domain, 1, NOW_MS);
      await createDomain(store, domain, 1);
      assert.deepEqual(await seen(), ["blocked", true, true]);
      assert.equal(await trackingDomains.setBlocked(domain, false), true);
      assert.deepEqual(await seen(), ["valid", false, false]);
    });

    test("unblocking a domain that is not blocked leaves its compliance status alone", async (t) => {
      const { trackingDomains } = await createStore(t, ground);
      const domain = host("click.example.com");
      await trackingDomains.create(
        { domain, subaccountId: 0, secure: false, complianceStatus: "pending" },
        NOW_MS,
      );
      await trackingDomains.setBlocked(domain, false);
      assert.equal((await trackingDomains.find(domain, 0))?.complianceStatus, "pending");
    });

    test("the version grows with what an edge must see, and with nothing else", async (t) => {
      const store = await createStore(t, ground);
      const { trackingDomains, verification, installation } = store;
      let last = await trackingDomains.stateVersion();
      const grows = async (change: () => Promise<unknown>): Promise<boolean> => {
        await change();
        const before = last;
        last = await trackingDomains.stateVersion();
        assert.equal((await trackingDomains.changedHosts(0)).version, last);
        return last > before;
      };
      const domain = host("click.example.com");
      const again = { domain, subaccountId: 0, secure: false, complianceStatus: "valid" } as const;
      const make = () => ({ sealedKeyRing: "one" });
      assert.equal(await grows(() => installation.readOrCreate(make, NOW_MS)), true);
      assert.equal(await grows(() => installation.readOrCreate(make, NOW_MS)), false);
      assert.equal(await grows(() => createVerifiedDomain(store, domain)), true);
      assert.equal(await grows(() => trackingDomains.create(again, NOW_MS)), false);
      assert.equal(await grows(() => trackingDomains.update(domain, 0, { isDefault: true }, NOW_MS)), false);
      assert.equal(await grows(() => verification.claimDue(NOW_MS * 2, 10, 1000)), false);
      assert.equal(await grows(() => trackingDomains.setBlocked(domain, true)), true);
      assert.equal(await grows(() => trackingDomains.remove(domain, 0, NOW_MS)), true);
      assert.equal(await grows(() => trackingDomains.remove(domain, 0, NOW_MS)), false);
      assert.equal(await grows(() => trackingDomains.release(domain)), true);
      assert.equal(await grows(() => installation.replaceKeyRing("other", "two")), false);
      assert.equal(await grows(() => installation.replaceKeyRing("one", "two")), true);
    });
  });

  describe(`sending domains in ${name}`, () => {
    test("an association is set, kept, changed and ended", async (t) => {
      const store = await createStore(t, ground);
      const [a, b] = [
        await createDomain(store, "a.example.com", 1),
        await createDomain(store, "b.example.com", 1),
      ];
      const put = (trackingDomain?: string | null) =>
        store.sendingDomains.put({
          domain: "example.com",
          subaccountId: 1,
          ...(trackingDomain !== undefined && { trackingDomain }),
        });
      const association = async () => (await store.sendingDomains.find("example.com", 1))?.trackingDomain;
      for (const [given, expected] of [
        [undefined, undefined],
        [a, a],
        [undefined, a],
        [b, b],
        [null, undefined],
      ] as const) {
        assert.equal(await put(given), "stored");
        assert.equal(await association(), expected);
      }
      assert.deepEqual(await store.sendingDomains.find("example.com", "all"), {
        domain: "example.com",
        subaccountId: 1,
        trackingDomain: undefined,
      });
    });

    test("a sending domain belongs to one tenant", async (t) => {
      const { sendingDomains } = await createStore(t, ground);
      for (const [domain, subaccountId] of [
        ["b.example.com", 1],
        ["a.example.com", 1],
        ["c.example.com", 0],
      ] as const) {
        assert.equal(await sendingDomains.put({ domain, subaccountId }), "stored");
      }
      assert.equal(await sendingDomains.put({ domain: "a.example.com", subaccountId: 2 }), "taken");
      assert.equal(await sendingDomains.find("a.example.com", 2), undefined);
      const list = async (scope: number | "all") =>
        (await sendingDomains.list(scope)).map(({ domain }) => domain as string);
      assert.deepEqual(await list(1), ["a.example.com", "b.example.com"]);
      assert.deepEqual(await list("all"), ["a.example.com", "b.example.com", "c.example.com"]);
    });

    test("a tracking domain that another tenant has, or that is deleted, is not associated", async (t) => {
      const store = await createStore(t, ground);
      const foreign = await createDomain(store, "foreign.example.com", 2);
      const deleted = await createDomain(store, "deleted.example.com", 1);
      await store.trackingDomains.remove(deleted, 1, NOW_MS);
      for (const trackingDomain of [foreign, deleted, "unknown.example.com"]) {
        await store.sendingDomains.put({ domain: "example.com", subaccountId: 1, trackingDomain });
        assert.equal((await store.sendingDomains.find("example.com", 1))?.trackingDomain, undefined);
      }
    });
  });

  describe(`subaccounts in ${name}`, () => {
    test("they are numbered from 1, also when many are created at once", async (t) => {
      const location = await ground.createLocation(t);
      const stores = [await reopen(t, location), await reopen(t, location)];
      const created = await Promise.all(
        Array.from({ length: 10 }, (_, n) => stores[n % 2]!.subaccounts.create(`tenant ${n}`, NOW_MS)),
      );
      const ids = created.map(({ id }) => id).toSorted((a, b) => a - b);
      assert.deepEqual(ids, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      assert.deepEqual(
        await stores[0]!.subaccounts.list(),
        created.toSorted((a, b) => a.id - b.id),
      );
    });

    test("a change touches only what it names", async (t) => {
      const { subaccounts } = await createStore(t, ground);
      const { id } = await subaccounts.create("Zoë & søn 🎉", NOW_MS);
      const privacy = "full";
      assert.deepEqual(await subaccounts.find(id), { id, name: "Zoë & søn 🎉", status: "active", privacy });
      assert.equal(await subaccounts.update(id, { status: "suspended" }), true);
      assert.equal(await subaccounts.update(id, { name: "New" }), true);
      assert.equal(await subaccounts.update(id, {}), true);
      assert.deepEqual(await subaccounts.find(id), { id, name: "New", status: "suspended", privacy });
      assert.equal(await subaccounts.update(id, { privacy: "anonymous" }), true);
      assert.equal((await subaccounts.find(id))?.privacy, "anonymous");
      assert.equal((await subaccounts.create("Strict", NOW_MS, "off")).privacy, "off");
      assert.equal(await subaccounts.update(99, { name: "x" }), false);
      assert.equal(await subaccounts.find(99), undefined);
    });

    test("a name of 1,024 characters fits, and a longer one is refused", async (t) => {
      const { subaccounts } = await createStore(t, ground);
      assert.equal((await subaccounts.create("ü".repeat(1024), NOW_MS)).name.length, 1024);
      await assert.rejects(subaccounts.create("ü".repeat(1025), NOW_MS), /constraint/i);
    });
  });

  describe(`API keys in ${name}`, () => {
    const key = (over: Partial<NewApiKey> = {}): NewApiKey => ({
      hash: "f".repeat(64),
      label: "deploy",
      shortKey: "abcd",
      grants: ["tracking_domains/view"],
      subaccountId: undefined,
      validIps: ["192.0.2.0/24"],
      ...over,
    });

    test("a key is found by its hash and its id, as it was created, and not after it is removed", async (t) => {
      const { apiKeys, subaccounts } = await createStore(t, ground);
      const { id: subaccountId } = await subaccounts.create("tenant", NOW_MS);
      const account = await apiKeys.create(key(), NOW_MS);
      const tenant = await apiKeys.create(
        key({ hash: "e".repeat(64), subaccountId, validIps: [] }),
        NOW_MS + 1,
      );
      assert.deepEqual(account, { ...key(), id: account.id, createdAtMs: NOW_MS });
      assert.deepEqual(await apiKeys.findByHash(account.hash), account);
      assert.deepEqual(await apiKeys.find(tenant.id), tenant);
      assert.deepEqual(await apiKeys.list(), [account, tenant]);
      assert.equal(await apiKeys.count(), 2);

      assert.equal(await apiKeys.remove(account.id), true);
      assert.equal(await apiKeys.remove(account.id), false);
      assert.equal(await apiKeys.findByHash(account.hash), undefined);
      assert.equal(await apiKeys.find(account.id), undefined);
      assert.equal(await apiKeys.count(), 1);
    });

    test("the same key twice is a unique violation, and other errors are not", async (t) => {
      const { apiKeys } = await createStore(t, ground);
      await apiKeys.create(key(), NOW_MS);
      await assert.rejects(apiKeys.create(key(), NOW_MS), isUniqueViolation);
      const unknownTenant = apiKeys.create(key({ hash: "e".repeat(64), subaccountId: 7 }), NOW_MS);
      await assert.rejects(unknownTenant, (error) => !isUniqueViolation(error));
      assert.equal(isUniqueViolation(new Error("UNIQUE constraint failed")), false);
    });

    test("the first key is created once, and does not come back when it is revoked", async (t) => {
      const { apiKeys, installation } = await createStore(t, ground);
      await installation.readOrCreate(() => ({ sealedKeyRing: "ring" }), NOW_MS);
      const outcomes = await Promise.all(
        ["a", "b", "c"].map((hash) => apiKeys.createFirst(key({ hash }), NOW_MS)),
      );
      assert.equal(outcomes.filter((created) => created !== undefined).length, 1);
      assert.equal(await apiKeys.count(), 1);
      for (const { id } of await apiKeys.list()) await apiKeys.remove(id);
      assert.equal(await apiKeys.createFirst(key({ hash: "a" }), NOW_MS), undefined);
    });
  });

  describe(`machines in ${name}`, () => {
    test("have writer slots of their own, the same at every start, until there are sixteen", async (t) => {
      const { machines } = await createStore(t, ground);
      const names = Array.from({ length: 16 }, (_, machine) => `machine ${machine}`);
      const slots = await Promise.all(names.map((machine) => machines.claimSlots(machine, NOW_MS)));
      assert.equal(new Set(slots.map(({ first }) => first)).size, 16);
      assert.ok(slots.every(({ first, count }) => first % 64 === 0 && first < 1024 && count === 64));
      assert.deepEqual(await machines.claimSlots("machine 3", NOW_MS), slots[3]);
      await assert.rejects(machines.claimSlots("one more", NOW_MS), { code: "unavailable" });
      const muchLater = NOW_MS + 31 * 86_400_000;
      assert.equal((await machines.claimSlots("one more", muchLater)).count, 64);
    });
  });

  describe(`what edges follow in ${name}`, () => {
    test("is what changed since the version they have", async (t) => {
      const { trackingDomains } = await createStore(t, ground);
      for (const domain of ["a.example.com", "b.example.com"] as const) {
        await trackingDomains.create(
          { domain: parseHostname(domain), subaccountId: 0, secure: false, complianceStatus: "valid" },
          NOW_MS,
        );
      }
      const all = await trackingDomains.changedHosts(0);
      assert.equal(all.hosts.length, 2);
      assert.deepEqual(await trackingDomains.changedHosts(all.version), { version: all.version, hosts: [] });
      await trackingDomains.setBlocked("b.example.com", true);
      const changed = await trackingDomains.changedHosts(all.version);
      assert.ok(changed.version > all.version);
      assert.deepEqual(changed.hosts, [{ domain: "b.example.com", owners: [0], blocked: true }]);
    });
  });

  describe(`certificates in ${name}`, () => {
    const certificate = (domain: Hostname, tag: string): StoredCertificate => ({
      domain,
      source: "own",
      chainPem: `chain ${tag}`,
      sealedKey: `key ${tag}`,
      tag,
      issuer: "Test CA",
      issuedAtMs: NOW_MS,
      expiresAtMs: NOW_MS + 1,
    });
    const setUp = async (t: TestContext) => {
      const store = await createStore(t, ground);
      const domain = parseHostname("click.example.com");
      const created = { domain, subaccountId: 5, secure: true, complianceStatus: "valid" } as const;
      await store.trackingDomains.create(created, NOW_MS);
      return { ...store, domain, created };
    };

    test("belong to a live domain, are replaced whole, and the edge follows", async (t) => {
      const { certificates, trackingDomains, verification, domain } = await setUp(t);
      assert.equal(await certificates.put(certificate(domain, "aa"), 6, NOW_MS), false);
      assert.equal(
        await certificates.put(certificate(parseHostname("no.example.com"), "aa"), 5, NOW_MS),
        false,
      );
      assert.equal(await certificates.find(domain), undefined);
      const before = await trackingDomains.stateVersion();
      assert.equal(await certificates.put(certificate(domain, "aa"), 5, NOW_MS), true);
      assert.equal(await certificates.put(certificate(domain, "bb"), 5, NOW_MS + 7), true);
      const { hosts } = await trackingDomains.changedHosts(before);
      assert.deepEqual(hosts, [{ domain, owners: [5], blocked: false, certificate: "bb" }]);
      const { source, issuer, issuedAtMs, expiresAtMs } = certificate(domain, "bb");
      assert.deepEqual(await certificates.find(domain), { domain, source, issuer, issuedAtMs, expiresAtMs });
      assert.deepEqual(await certificates.material([domain, "no.example.com"]), [
        { domain, chainPem: "chain bb", sealedKey: "key bb", tag: "bb" },
      ]);
      assert.equal((await verification.findForCheck(domain))?.state.nextCheckAtMs, NOW_MS + 7);
    });

    test("stay when their domain is deleted, and go when it is removed or another owner comes", async (t) => {
      const { certificates, trackingDomains, domain, created } = await setUp(t);
      await certificates.put(certificate(domain, "aa"), 5, NOW_MS);
      assert.equal(await certificates.remove(domain, 6, NOW_MS), false);
      await trackingDomains.remove(domain, 5, NOW_MS);
      assert.equal(await certificates.remove(domain, 5, NOW_MS), false);
      assert.equal((await certificates.material([domain])).length, 1);
      await trackingDomains.create(created, NOW_MS);
      assert.equal((await certificates.material([domain])).length, 1);
      await trackingDomains.remove(domain, 5, NOW_MS);
      await trackingDomains.release(domain);
      await trackingDomains.create({ ...created, subaccountId: 6 }, NOW_MS);
      assert.equal((await certificates.material([domain])).length, 0);
      await certificates.put(certificate(domain, "cc"), 6, NOW_MS);
      assert.equal(await certificates.remove(domain, 6, NOW_MS), true);
      assert.equal(await certificates.remove(domain, 6, NOW_MS), false);
      assert.equal(await certificates.find(domain), undefined);
    });
  });

  describe(`the installation in ${name}`, () => {
    test("is made once, and read from then on", async (t) => {
      const { installation } = await createStore(t, ground);
      assert.equal(await installation.read(), undefined);
      const make = () => ({ sealedKeyRing: "ring" });
      const created = await installation.readOrCreate(make, NOW_MS);
      assert.deepEqual(created, { ...make(), createdAtMs: NOW_MS });
      const unexpected = () => assert.fail("made twice");
      assert.deepEqual(await installation.readOrCreate(unexpected, NOW_MS + 1), created);
      assert.deepEqual(await installation.read(), created);
    });

    test("its key ring is replaced only by who has seen the present one", async (t) => {
      const { installation } = await createStore(t, ground);
      await installation.readOrCreate(() => ({ sealedKeyRing: "one" }), NOW_MS);
      const outcomes = await Promise.all([
        installation.replaceKeyRing("one", "two"),
        installation.replaceKeyRing("one", "three"),
      ]);
      assert.deepEqual(outcomes.toSorted(), [false, true]);
      const { sealedKeyRing } = (await installation.read()) ?? {};
      assert.equal(sealedKeyRing, outcomes[0] ? "two" : "three");
    });
  });
}
