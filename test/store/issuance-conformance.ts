/** The contract of what is remembered of certificates that Waypost orders, the same on every database. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";

import type { Hostname } from "../../src/domain/hostname.ts";
import type { RenewalPlan } from "../../src/domain/issuance.ts";
import type { NewOrder } from "../../src/store/acme-orders.ts";
import type { IssuedCertificate, Settlement } from "../../src/store/issuances.ts";
import type { Store } from "../../src/store/open-store.ts";
import { createStore, type Ground, host, NOW_MS, reopen } from "./ground.ts";

const DIRECTORY = "https://ca.example/directory";
const MINUTE = 60_000;
const DAY = 86_400_000;
const PLAN: RenewalPlan = { renewAtMs: NOW_MS + 60 * DAY, window: undefined, askAgainAtMs: undefined };
const LEASE = { owner: "m1.a", untilMs: NOW_MS + 2 * MINUTE };
/** Later than the database's clock, so that it is the one that counts. */
const PRESENT_MS = Date.now() + DAY;
const LONGEST = { pauseMs: 60 * MINUTE, leaseMs: 5 * MINUTE, attemptMs: 7 * DAY };
const noReason = () => undefined;

async function certify({ issuances }: Store, domain: Hostname, plan: RenewalPlan): Promise<void> {
  await issuances.claim(domain, PRESENT_MS, LEASE);
  const certificate = issued(domain, { plan, expiresAtMs: PRESENT_MS + 90 * DAY });
  assert.equal(await issuances.complete(certificate, LEASE.owner, PRESENT_MS), "stored");
}

async function pause({ acmeAccounts }: Store, untilMs: number): Promise<void> {
  await acmeAccounts.use(DIRECTORY, () => ({ sealedKey: "key", thumbprint: "print" }), PRESENT_MS);
  await acmeAccounts.pause(DIRECTORY, untilMs);
}

async function setUp(t: TestContext, ground: Ground) {
  const location = await ground.createLocation(t);
  const store = await reopen(t, location);
  return { store, location, domain: await addSecure(store, "click.example.com") };
}

async function addSecure(store: Store, name: string, subaccountId = 5): Promise<Hostname> {
  const domain = host(name);
  const created = { domain, subaccountId, secure: true, complianceStatus: "valid" } as const;
  assert.equal(await store.trackingDomains.create(created, NOW_MS), "created");
  return domain;
}

function order(domain: Hostname, over: Partial<NewOrder> = {}): NewOrder {
  return {
    id: `order ${Math.random()}`,
    directory: DIRECTORY,
    domain,
    registrableDomain: "example.com",
    subaccountId: 5,
    isRenewal: false,
    sealedKey: "sealed",
    ...over,
  };
}

function issued(domain: Hostname, over: Partial<IssuedCertificate> = {}): IssuedCertificate {
  return {
    domain,
    chainPem: "chain",
    sealedKey: "sealed",
    tag: "aa",
    issuer: "Test CA",
    issuedAtMs: NOW_MS,
    expiresAtMs: NOW_MS + 90 * DAY,
    directory: DIRECTORY,
    plan: PLAN,
    ...over,
  };
}

function own(domain: Hostname, expiresAtMs: number) {
  const { directory, plan, ...certificate } = issued(domain, { tag: "bb", expiresAtMs });
  return { ...certificate, source: "own" } as const;
}

const FAILED: Settlement = {
  nextAttemptAtMs: NOW_MS + 15 * MINUTE,
  failures: 1,
  problem: { code: "acme:dns", text: "The name does not resolve.", atMs: NOW_MS },
  isRefused: false,
  plan: undefined,
};

export function issuanceConformance(name: string, ground: Ground): void {
  describe(`certificates to order in ${name}`, () => {
    test("a name is wanted once, taken by one process, and free again when the lease ends", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { issuances } = store;
      assert.deepEqual(await issuances.claimDue(NOW_MS, 10, LEASE), []);
      await issuances.want(host("nobody.example.com"), { asked: true, nowMs: NOW_MS });
      await Promise.all([1, 2].map(() => issuances.want(domain, { asked: false, nowMs: NOW_MS })));
      assert.deepEqual(await issuances.claimDue(NOW_MS - 1, 10, LEASE), []);
      const claims = await Promise.all(
        ["m1.a", "m1.b", "m2.a"].map((owner) => issuances.claimDue(NOW_MS, 10, { ...LEASE, owner })),
      );
      assert.deepEqual(claims.flat(), [
        {
          domain,
          owner: 5,
          createdAtMs: NOW_MS,
          isDeleted: false,
          isBlocked: false,
          secure: true,
          certificate: undefined,
          issuance: {
            nextAttemptAtMs: NOW_MS,
            failures: 0,
            problem: undefined,
            isRefused: false,
            order: undefined,
            plan: undefined,
          },
        },
      ]);
      assert.equal(await issuances.claim(domain, LEASE.untilMs - 1, LEASE), "busy");
      assert.equal((await issuances.find(domain))?.isBusyUntilMs, LEASE.untilMs);
      assert.equal((await issuances.claimDue(LEASE.untilMs, 10, LEASE)).length, 1);
    });

    test("the longest due come first, and no more than are asked for", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const other = await addSecure(store, "b.example.com");
      const third = await addSecure(store, "a.example.com");
      await store.issuances.want(domain, { asked: false, nowMs: NOW_MS });
      await store.issuances.want(other, { asked: false, nowMs: NOW_MS - 1 });
      await store.issuances.want(third, { asked: false, nowMs: NOW_MS });
      const names = async () =>
        (await store.issuances.claimDue(NOW_MS, 2, LEASE)).map((claimed) => claimed.domain).toSorted();
      assert.deepEqual(await names(), [third, other]);
      assert.deepEqual(await names(), [domain]);
    });

    test("a name that is asked for is taken whether it is due or not; one that does not exist is not", async (t) => {
      const { store, domain } = await setUp(t, ground);
      assert.equal(await store.issuances.claim(host("nobody.example.com"), NOW_MS, LEASE), undefined);
      const claimed = await store.issuances.claim(domain, NOW_MS, LEASE);
      assert.equal(claimed !== "busy" && claimed?.issuance.nextAttemptAtMs, undefined);
      assert.equal(await store.issuances.claim(domain, NOW_MS, { ...LEASE, owner: "m2.a" }), "busy");
    });

    test("a failure is kept with its reason, and puts the next attempt off unless somebody asks", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { issuances, trackingDomains } = store;
      await issuances.claim(domain, NOW_MS, LEASE);
      assert.equal(await issuances.settle(domain, "m2.a", FAILED), false);
      assert.equal(await issuances.settle(domain, LEASE.owner, FAILED), true);
      assert.equal(await issuances.settle(domain, LEASE.owner, FAILED), false);
      const { problem, nextAttemptAtMs, failures } = (await issuances.find(domain))!.issuance;
      assert.deepEqual([problem, nextAttemptAtMs, failures], [FAILED.problem, FAILED.nextAttemptAtMs, 1]);
      assert.equal((await trackingDomains.find(domain, "all"))?.tls.error, "acme:dns");

      await issuances.want(domain, { asked: false, nowMs: NOW_MS });
      assert.equal((await issuances.find(domain))?.issuance.nextAttemptAtMs, FAILED.nextAttemptAtMs);
      await issuances.want(domain, { asked: true, nowMs: NOW_MS });
      assert.equal((await issuances.find(domain))?.issuance.nextAttemptAtMs, NOW_MS);
    });

    test("a name that the CA refused is not wanted again until somebody asks", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { issuances, trackingDomains } = store;
      await issuances.claim(domain, NOW_MS, LEASE);
      await issuances.settle(domain, LEASE.owner, {
        ...FAILED,
        nextAttemptAtMs: undefined,
        isRefused: true,
      });
      await issuances.want(domain, { asked: false, nowMs: NOW_MS });
      assert.deepEqual(await issuances.claimDue(NOW_MS, 10, LEASE), []);
      assert.equal((await trackingDomains.find(domain, "all"))?.tls.isRefused, true);
      await issuances.want(domain, { asked: true, nowMs: NOW_MS });
      const [again] = await issuances.claimDue(NOW_MS, 10, LEASE);
      assert.equal(again?.issuance.isRefused, false);
    });

    test("an order is written down before it is placed, and gone on with by whoever comes after", async (t) => {
      const { store, location, domain } = await setUp(t, ground);
      await store.issuances.claim(domain, NOW_MS, LEASE);
      assert.equal(await store.issuances.startOrder(order(domain), "m2.a", NOW_MS, noReason), "lost");
      assert.equal(await store.issuances.startOrder(order(domain), LEASE.owner, NOW_MS, noReason), "started");
      const at = (url: string) => ({ url, nowMs: NOW_MS });
      assert.equal(await store.issuances.noteOrder(domain, "m2.a", at("https://ca.example/theirs")), false);
      assert.equal(await store.issuances.noteOrder(domain, LEASE.owner, at("https://ca.example/1")), true);
      await store.close();

      const { issuances } = await reopen(t, location);
      assert.equal(await issuances.claim(domain, NOW_MS, LEASE), "busy");
      await issuances.endLeases("m");
      assert.equal(await issuances.claim(domain, NOW_MS, LEASE), "busy");
      await issuances.endLeases("m1");
      const claimed = await issuances.claim(domain, NOW_MS, { ...LEASE, owner: "m1.b" });
      assert.deepEqual(claimed !== "busy" && claimed?.issuance.order, {
        directory: DIRECTORY,
        url: "https://ca.example/1",
        sealedKey: "sealed",
      });
      // Kept by a failure that says nothing of the order, and gone with one that does.
      await issuances.settle(domain, "m1.b", FAILED);
      assert.ok((await issuances.find(domain))?.issuance.order);
      await issuances.claim(domain, NOW_MS, LEASE);
      await issuances.settle(domain, LEASE.owner, { ...FAILED, orderOutcome: "failed" });
      assert.equal((await issuances.find(domain))?.issuance.order, undefined);
    });

    test("whether an order may be placed is judged by all that were placed before", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { issuances } = store;
      const other = await addSecure(store, "other.example.com", 6);
      const place = async (placed: NewOrder, nowMs: number, settled?: Settlement) => {
        await issuances.claim(placed.domain, NOW_MS, LEASE);
        await issuances.startOrder(placed, LEASE.owner, nowMs, noReason);
        if (settled !== undefined) await issuances.settle(placed.domain, LEASE.owner, settled);
      };
      const invalid = { ...FAILED, orderOutcome: "invalid" } as const;
      await place(order(domain), NOW_MS - 9 * DAY, { ...FAILED, orderOutcome: "issued" });
      await place(order(domain), NOW_MS - 2 * DAY, { ...FAILED, orderOutcome: "issued" });
      await place(order(domain, { isRenewal: true }), NOW_MS - 1 * DAY, {
        ...FAILED,
        orderOutcome: "issued",
      });
      await place(order(domain), NOW_MS - 61 * MINUTE, invalid);
      await place(order(domain), NOW_MS - 30 * MINUTE, invalid);
      await place(order(domain), NOW_MS - 20 * MINUTE, { ...FAILED, orderOutcome: "failed" });
      await place(order(domain, { directory: "https://staging.example" }), NOW_MS - 1, invalid);
      await place(order(other, { subaccountId: 6 }), NOW_MS - 10 * MINUTE);

      await issuances.claim(domain, NOW_MS, LEASE);
      const reason = { because: "enough" };
      let seen: unknown;
      const answer = await issuances.startOrder(order(domain), LEASE.owner, NOW_MS, (history) => {
        seen = history;
        return reason;
      });
      assert.equal(answer, reason);
      assert.deepEqual(seen, {
        ordersMs: [30, 20, 10].map((minutes) => NOW_MS - minutes * MINUTE),
        firstOfRegistrableMs: [NOW_MS - 2 * DAY, NOW_MS - 10 * MINUTE],
        ofNameMs: [NOW_MS - 2 * DAY, NOW_MS - 1 * DAY],
        invalidOfNameMs: [NOW_MS - 30 * MINUTE],
        invalidOfOwnerMs: [NOW_MS - 30 * MINUTE],
      });
      // What was refused is not placed.
      assert.equal((await issuances.ordersSince(DIRECTORY, NOW_MS - 60 * MINUTE)).length, 3);
      assert.equal((await issuances.find(domain))?.issuance.order, undefined);
    });

    test("an order in whose place the CA made another counts as two, and one that was never placed as one", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { issuances } = store;
      const placed = async () => (await issuances.ordersSince(DIRECTORY, 0)).map((ms) => ms - NOW_MS);
      await issuances.claim(domain, NOW_MS, LEASE);
      await issuances.startOrder(order(domain), LEASE.owner, NOW_MS, noReason);
      await issuances.startOrder(order(domain, { sealedKey: "other" }), LEASE.owner, NOW_MS + 1, noReason);
      for (const [url, nowMs] of [
        ["https://ca.example/1", NOW_MS + 2],
        ["https://ca.example/1", NOW_MS + 3],
        ["https://ca.example/2", NOW_MS + 4],
      ] as const) {
        assert.equal(await issuances.noteOrder(domain, LEASE.owner, { url, nowMs }), true);
      }
      assert.deepEqual((await placed()).toSorted(), [0, 1, 4]);
      assert.deepEqual((await issuances.find(domain))?.issuance.order, {
        directory: DIRECTORY,
        url: "https://ca.example/2",
        sealedKey: "other",
      });
      let ofNameMs: readonly number[] = [];
      await issuances.startOrder(order(domain), LEASE.owner, NOW_MS + 5, (history) => {
        ofNameMs = history.ofNameMs;
        return { full: true };
      });
      assert.deepEqual(ofNameMs, [NOW_MS + 4]);
    });

    test("two machines that place the last order at once place one", async (t) => {
      const { store, location, domain } = await setUp(t, ground);
      const other = await addSecure(store, "other.example.com");
      const second = await reopen(t, location);
      await store.issuances.claim(domain, NOW_MS, LEASE);
      await second.issuances.claim(other, NOW_MS, { ...LEASE, owner: "m2.a" });
      const oneAnHour = ({ ordersMs }: { ordersMs: readonly number[] }) =>
        ordersMs.length === 0 ? undefined : { full: true };
      const answers = await Promise.all([
        store.issuances.startOrder(order(domain), LEASE.owner, NOW_MS, oneAnHour),
        second.issuances.startOrder(order(other), "m2.a", NOW_MS, oneAnHour),
      ]);
      assert.equal(answers.filter((answer) => answer === "started").length, 1);
    });

    test("a certificate is stored with its plan, the edge follows, and the domain is checked at once", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { issuances, trackingDomains, certificates, verification } = store;
      await issuances.claim(domain, NOW_MS, LEASE);
      await issuances.settle(domain, LEASE.owner, FAILED);
      await issuances.claim(domain, NOW_MS, LEASE);
      await issuances.startOrder(order(domain), LEASE.owner, NOW_MS, noReason);
      const before = await trackingDomains.stateVersion();
      assert.equal(await issuances.complete(issued(domain), "m2.a", NOW_MS), "lost");
      assert.equal(await issuances.complete(issued(domain), LEASE.owner, NOW_MS), "stored");
      const { hosts } = await trackingDomains.changedHosts(before);
      assert.deepEqual(hosts, [{ domain, owners: [5], blocked: false, certificate: "aa" }]);
      assert.equal((await certificates.find(domain))?.source, "acme");
      assert.equal((await verification.findForCheck(domain))?.state.nextCheckAtMs, NOW_MS);
      const dates = { source: "acme", issuedAtMs: NOW_MS, expiresAtMs: NOW_MS + 90 * DAY } as const;
      assert.deepEqual(await issuances.find(domain), {
        domain,
        owner: 5,
        createdAtMs: NOW_MS,
        isDeleted: false,
        isBlocked: false,
        secure: true,
        isBusyUntilMs: 0,
        certificate: { ...dates, chainPem: "chain", directory: DIRECTORY },
        issuance: {
          nextAttemptAtMs: PLAN.renewAtMs,
          failures: 0,
          problem: undefined,
          isRefused: false,
          order: undefined,
          plan: PLAN,
        },
      });
      assert.deepEqual((await trackingDomains.find(domain, "all"))?.tls, {
        certificate: dates,
        error: undefined,
        isRefused: false,
      });
    });

    test("a plan with a window comes back as it was, and an order for a renewal can be had at any age", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { issuances } = store;
      assert.equal(await issuances.renew(domain, NOW_MS), false);
      const window = { startMs: NOW_MS + 1, endMs: NOW_MS + 2 };
      const plan = { renewAtMs: NOW_MS + DAY, window, askAgainAtMs: NOW_MS + 6 };
      await issuances.claim(domain, NOW_MS, LEASE);
      await issuances.complete(issued(domain, { plan }), LEASE.owner, NOW_MS);
      assert.deepEqual((await issuances.find(domain))?.issuance.plan, plan);
      assert.equal(await issuances.renew(domain, NOW_MS + 5), true);
      const [due] = await issuances.claimDue(NOW_MS + 5, 1, LEASE);
      assert.deepEqual(due?.issuance.plan, { ...plan, renewAtMs: NOW_MS + 5 });
    });

    test("a certificate that its owner brought is never replaced", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { issuances, certificates } = store;
      await issuances.claim(domain, NOW_MS, LEASE);
      await certificates.put(own(domain, NOW_MS), 5, NOW_MS);
      assert.equal(await issuances.complete(issued(domain), LEASE.owner, NOW_MS), "superseded");
      assert.equal((await certificates.find(domain))?.source, "own");
      assert.equal(await issuances.renew(domain, NOW_MS), false);
    });

    test("an order does not outlive its domain's change of hands", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { issuances, trackingDomains } = store;
      await issuances.claim(domain, NOW_MS, LEASE);
      await issuances.startOrder(order(domain), LEASE.owner, NOW_MS, noReason);
      await trackingDomains.remove(domain, 5, NOW_MS);
      assert.deepEqual((await issuances.find(domain))?.isDeleted, true);
      await trackingDomains.release(domain);
      assert.deepEqual((await issuances.find(domain))?.owner, undefined);
      await addSecure(store, domain, 6);
      assert.equal(await issuances.complete(issued(domain), LEASE.owner, NOW_MS), "lost");
      const { certificate, issuance } = (await issuances.find(domain))!;
      assert.deepEqual([certificate, issuance.order], [undefined, undefined]);
      assert.equal(await issuances.find(host("nobody.example.com")), undefined);
    });

    test("a deleted domain's certificate is renewed without waking its checks", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { issuances, trackingDomains, verification } = store;
      await trackingDomains.remove(domain, 5, NOW_MS);
      await issuances.claim(domain, NOW_MS, LEASE);
      assert.equal(await issuances.complete(issued(domain), LEASE.owner, NOW_MS), "stored");
      assert.equal(await verification.findForCheck(domain), undefined);
      assert.deepEqual(await verification.claimDue(NOW_MS * 2, 10, MINUTE), []);
    });

    test("a removed certificate takes its plan with it, so that a new one can be wanted", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { issuances, certificates } = store;
      await issuances.claim(domain, NOW_MS, LEASE);
      await issuances.complete(issued(domain), LEASE.owner, NOW_MS);
      assert.equal(await certificates.remove(domain, 5, NOW_MS), true);
      await issuances.want(domain, { asked: false, nowMs: NOW_MS });
      const [claimed] = await issuances.claimDue(NOW_MS, 1, LEASE);
      assert.deepEqual([claimed?.certificate, claimed?.issuance.plan], [undefined, undefined]);
    });
  });

  describe(`accounts at CAs in ${name}`, () => {
    test("machines that start at once make one key, and edges learn which is in use", async (t) => {
      const { store, location } = await setUp(t, ground);
      const second = await reopen(t, location);
      const before = await store.trackingDomains.stateVersion();
      assert.equal(await store.acmeAccounts.thumbprint(), undefined);
      const make = (n: number) => () => ({ sealedKey: `key ${n}`, thumbprint: `print ${n}` });
      const keys = await Promise.all([
        store.acmeAccounts.use(DIRECTORY, make(1), NOW_MS),
        second.acmeAccounts.use(DIRECTORY, make(2), NOW_MS),
      ]);
      assert.deepEqual(keys[0], keys[1]);
      assert.equal(await store.acmeAccounts.thumbprint(), keys[0]?.thumbprint);
      assert.equal(await store.trackingDomains.stateVersion(), before + 1);

      await store.acmeAccounts.use("https://other.example", make(3), NOW_MS);
      assert.equal(await store.acmeAccounts.thumbprint(), "print 3");
      const unexpected = () => assert.fail("there is one");
      assert.deepEqual(await store.acmeAccounts.use("https://other.example", unexpected, NOW_MS), {
        sealedKey: "key 3",
        thumbprint: "print 3",
        usedSinceMs: NOW_MS + 1,
      });
      const again = await store.acmeAccounts.use(DIRECTORY, make(4), NOW_MS - 1);
      assert.deepEqual(again, { ...keys[0], usedSinceMs: NOW_MS + 2 });
      assert.equal(await store.acmeAccounts.thumbprint(), keys[0]?.thumbprint);
    });

    test("a CA that asks for patience is left alone by all, as long as it asked for", async (t) => {
      const { acmeAccounts } = await createStore(t, ground);
      assert.equal(await acmeAccounts.pausedUntil(DIRECTORY), 0);
      await acmeAccounts.use(DIRECTORY, () => ({ sealedKey: "key", thumbprint: "print" }), NOW_MS);
      await acmeAccounts.pause(DIRECTORY, NOW_MS + 60);
      await acmeAccounts.pause(DIRECTORY, NOW_MS + 30);
      assert.equal(await acmeAccounts.pausedUntil(DIRECTORY), NOW_MS + 60);
    });
  });

  describe(`times that a clock far ahead has left in ${name}`, () => {
    for (const [what, aheadMs] of [
      ["ten years", 10 * 365 * DAY],
      ["six hours", 6 * 60 * MINUTE],
    ] as const) {
      test(`${what}: pauses and leases end, and orders count as placed now`, async (t) => {
        const { store, domain } = await setUp(t, ground);
        const { issuances, acmeAccounts } = store;
        const wrongMs = PRESENT_MS + aheadMs;
        await pause(store, wrongMs + LONGEST.pauseMs);
        await issuances.claim(domain, wrongMs, { ...LEASE, untilMs: wrongMs + LONGEST.leaseMs });
        await issuances.startOrder(order(domain), LEASE.owner, wrongMs, noReason);
        assert.equal(await issuances.claim(domain, PRESENT_MS, LEASE), "busy");

        await issuances.mendTimes(PRESENT_MS, LONGEST);
        assert.equal(await acmeAccounts.pausedUntil(DIRECTORY), 0);
        assert.deepEqual(await issuances.ordersSince(DIRECTORY, 0), [PRESENT_MS]);
        assert.notEqual(await issuances.claim(domain, PRESENT_MS, LEASE), "busy");
        // What was under way is gone on with.
        assert.equal((await issuances.find(domain))?.issuance.order?.sealedKey, "sealed");
      });
    }

    test("names that failed, were postponed, or are under renewal get their turn", async (t) => {
      const { store, domain: failed } = await setUp(t, ground);
      const { issuances } = store;
      const wrongMs = PRESENT_MS + 10 * 365 * DAY;
      const wrong = (ms: number) => ({ ...FAILED, nextAttemptAtMs: wrongMs + ms });
      const plan = { ...PLAN, renewAtMs: PRESENT_MS + 60 * DAY };
      const [postponed, renewed, asked] = [
        await addSecure(store, "postponed.example.com"),
        await addSecure(store, "renewed.example.com"),
        await addSecure(store, "asked.example.com"),
      ];
      for (const domain of [renewed, asked]) await certify(store, domain, plan);
      for (const [domain, settlement] of [
        [failed, wrong(15 * MINUTE)],
        [postponed, { ...wrong(7 * DAY), failures: 0, problem: undefined }],
        [renewed, { ...wrong(12 * 60 * MINUTE), plan }],
      ] as const) {
        await issuances.claim(domain, PRESENT_MS, LEASE);
        await issuances.settle(domain, LEASE.owner, settlement);
      }
      await issuances.renew(asked, wrongMs);

      assert.deepEqual(await issuances.claimDue(PRESENT_MS, 10, LEASE), []);
      await issuances.mendTimes(PRESENT_MS, LONGEST);
      const due = await issuances.claimDue(PRESENT_MS, 10, LEASE);
      const renewals = new Map(due.map(({ domain, issuance }) => [domain, issuance.plan?.renewAtMs]));
      // A renewal that was asked for is due itself, and not only the look at it.
      const expected = new Map([
        [failed, undefined],
        [postponed, undefined],
        [renewed, plan.renewAtMs],
        [asked, PRESENT_MS],
      ]);
      assert.deepEqual(renewals, expected);
    });

    test("a certificate that was to be asked about in weeks is asked about now", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { issuances } = store;
      const askAgainAtMs = PRESENT_MS + 20 * DAY;
      const plan = { ...PLAN, renewAtMs: PRESENT_MS + 60 * DAY, askAgainAtMs };
      await certify(store, domain, plan);
      await issuances.mendTimes(PRESENT_MS, LONGEST);
      const [due] = await issuances.claimDue(PRESENT_MS, 10, LEASE);
      assert.deepEqual(due?.issuance.plan, { ...plan, askAgainAtMs: PRESENT_MS });
    });

    test("are told from those that a clock a few minutes off has written, which stay", async (t) => {
      const { store, domain: leased } = await setUp(t, ground);
      const { issuances, acmeAccounts } = store;
      const planned = await addSecure(store, "planned.example.com");
      const failed = await addSecure(store, "failed.example.com");
      const latestMs = PRESENT_MS + 5 * MINUTE;
      const plan = { ...PLAN, renewAtMs: PRESENT_MS + 60 * DAY };
      const leave = async (ms: number) => {
        await pause(store, ms + LONGEST.pauseMs);
        await issuances.endLeases("m1");
        await issuances.claim(leased, PRESENT_MS, { ...LEASE, untilMs: ms + LONGEST.leaseMs });
        await issuances.startOrder(order(leased), LEASE.owner, ms, noReason);
        await issuances.claim(failed, PRESENT_MS, LEASE);
        const nextAttemptAtMs = ms + LONGEST.attemptMs;
        await issuances.settle(failed, LEASE.owner, { ...FAILED, nextAttemptAtMs });
      };
      await certify(store, planned, plan);
      const state = async () => [
        await acmeAccounts.pausedUntil(DIRECTORY),
        (await issuances.find(leased))?.isBusyUntilMs,
        (await issuances.find(failed))?.issuance.nextAttemptAtMs,
        (await issuances.ordersSince(DIRECTORY, 0)).toSorted(),
      ];
      await leave(latestMs);
      const before = await state();
      await issuances.mendTimes(PRESENT_MS, LONGEST);
      assert.deepEqual(await state(), before);

      await leave(latestMs + 1);
      await issuances.mendTimes(PRESENT_MS, LONGEST);
      assert.deepEqual(await state(), [0, 0, PRESENT_MS, [PRESENT_MS, latestMs]]);
      assert.deepEqual((await issuances.find(planned))?.issuance.plan, plan);
      assert.equal((await issuances.find(planned))?.issuance.nextAttemptAtMs, plan.renewAtMs);
    });

    test("a machine whose clock is two minutes behind keeps a pause, and makes none shorter", async (t) => {
      const { store } = await setUp(t, ground);
      const { issuances, acmeAccounts } = store;
      const untilMs = PRESENT_MS + LONGEST.pauseMs;
      await pause(store, untilMs);
      await issuances.mendTimes(PRESENT_MS - 2 * MINUTE, LONGEST);
      await acmeAccounts.pause(DIRECTORY, untilMs - 2 * MINUTE);
      assert.equal(await acmeAccounts.pausedUntil(DIRECTORY), untilMs);
    });

    test("a machine whose clock is years behind the database's takes no time of the others for wrong", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { issuances, acmeAccounts } = store;
      const nowMs = Date.now();
      await pause(store, nowMs + LONGEST.pauseMs);
      await issuances.claim(domain, nowMs, { ...LEASE, untilMs: nowMs + LONGEST.leaseMs });
      await issuances.startOrder(order(domain), LEASE.owner, nowMs, noReason);
      await issuances.mendTimes(0, LONGEST);
      assert.equal(await acmeAccounts.pausedUntil(DIRECTORY), nowMs + LONGEST.pauseMs);
      assert.equal((await issuances.find(domain))?.isBusyUntilMs, nowMs + LONGEST.leaseMs);
      assert.deepEqual(await issuances.ordersSince(DIRECTORY, 0), [nowMs]);
    });
  });

  describe(`certificates that end in ${name}`, () => {
    test("put new links back to http once, and have the domain checked", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { certificates, verification, trackingDomains } = store;
      await certificates.put(own(domain, NOW_MS + DAY), 5, NOW_MS);
      await verification.recordCheck(domain, check(NOW_MS), (current) => ({
        ...current,
        cnameStatus: "valid",
        httpsWorks: true,
        nextCheckAtMs: NOW_MS + 2 * DAY,
      }));
      assert.deepEqual(await certificates.lapse(NOW_MS + DAY - 1), []);
      assert.deepEqual(await certificates.lapse(NOW_MS + DAY), [
        { domain, source: "own", expiresAtMs: NOW_MS + DAY },
      ]);
      assert.deepEqual(await certificates.lapse(NOW_MS + DAY), []);
      assert.equal((await trackingDomains.find(domain, "all"))?.httpsWorks, false);
      assert.equal((await verification.findForCheck(domain))?.state.nextCheckAtMs, NOW_MS + DAY);
    });

    test("are warned of once for each time, and anew after a new one; ours are not, nor are those of deleted domains", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { certificates } = store;
      const leads = [21 * DAY, 7 * DAY, 1 * DAY];
      const warned = async (inDays: number) =>
        (await certificates.takeExpiryWarnings(NOW_MS + inDays * DAY, leads)).map((one) => one.domain);
      await certificates.put(own(domain, NOW_MS + 90 * DAY), 5, NOW_MS);
      const ours = await addSecure(store, "ours.example.com");
      await store.issuances.claim(ours, NOW_MS, LEASE);
      await store.issuances.complete(issued(ours), LEASE.owner, NOW_MS);
      const deleted = await addSecure(store, "deleted.example.com");
      await certificates.put(own(deleted, NOW_MS + 90 * DAY), 5, NOW_MS);
      await store.trackingDomains.remove(deleted, 5, NOW_MS);

      assert.deepEqual(await warned(68), []);
      assert.deepEqual(await warned(69), [domain]);
      assert.deepEqual(await warned(70), []);
      // Two warnings were missed: one is given.
      assert.deepEqual(await warned(89.5), [domain]);
      assert.deepEqual(await warned(89.6), []);
      assert.deepEqual(await warned(90), []);
      await certificates.put(own(domain, NOW_MS + 95 * DAY), 5, NOW_MS);
      assert.deepEqual(await warned(89.5), [domain]);
    });

    test("are summarized by state", async (t) => {
      const { store, domain } = await setUp(t, ground);
      const { certificates, issuances } = store;
      const none = { valid: 0, expired: 0, unavailable: 0, failed: 0, pending: 0 };
      assert.deepEqual(await certificates.summarize(NOW_MS), { byState: none, nextExpiryMs: undefined });
      await certificates.put(own(domain, NOW_MS + DAY), 5, NOW_MS);
      const settled = [
        { ...FAILED, problem: undefined },
        FAILED,
        { ...FAILED, isRefused: true },
        { ...FAILED, isRefused: true },
      ];
      for (const [index, settlement] of settled.entries()) {
        const name = await addSecure(store, `n${index}.example.com`);
        await issuances.claim(name, NOW_MS, LEASE);
        await issuances.settle(name, LEASE.owner, settlement);
      }
      const counts = { ...none, pending: 1, failed: 1, unavailable: 2 };
      assert.deepEqual(await certificates.summarize(NOW_MS), {
        byState: { ...counts, valid: 1 },
        nextExpiryMs: NOW_MS + DAY,
      });
      assert.deepEqual(await certificates.summarize(NOW_MS + DAY), {
        byState: { ...counts, expired: 1 },
        nextExpiryMs: undefined,
      });
    });
  });
}

function check(checkedAtMs: number) {
  const outcome = { kind: "timed_out" } as const;
  return {
    checkedAtMs,
    trigger: "asked",
    scheme: "https",
    result: { cnameStatus: "valid", complianceStatus: "valid" },
    failure: undefined,
    evidence: {
      dns: undefined,
      probe: { endpoint: "https://x:443", address: undefined, outcome, tookMs: 1 },
      looksProxied: false,
    },
  } as const;
}
