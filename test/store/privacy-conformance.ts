/** The privacy rules that the store keeps, and how processes follow them: the same on every database. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { MAX_AGE_MS, PrivacyRules } from "../../src/events/privacy-rules.ts";
import type { Store } from "../../src/store/open-store.ts";
import { createKeyRing } from "../../src/token/key-ring.ts";
import { erasedHashOf, privacyKeys, pseudonymOf } from "../../src/token/pseudonym.ts";
import { createStore, type Ground, NOW_MS, reopen } from "./ground.ts";

const keys = privacyKeys(createKeyRing());
const ANN = "ann@example.com";

function rulesOf(store: Store, installation: "full" | "pseudonymous" = "full"): PrivacyRules {
  return new PrivacyRules({ store: store.privacy, keys, installation });
}

export function privacyConformance(name: string, ground: Ground): void {
  describe(`privacy in ${name}`, () => {
    test("the strictest of installation, subaccount, recipient and token is in force", async (t) => {
      const store = await createStore(t, ground);
      const { id } = await store.subaccounts.create("Strict", NOW_MS, "anonymous");
      const lax = await store.subaccounts.create("Lax", NOW_MS);
      const rules = rulesOf(store, "pseudonymous");
      await rules.freshen();
      assert.equal(rules.modeFor(0, ANN), "pseudonymous");
      assert.equal(rules.modeFor(lax.id, ANN, "full"), "pseudonymous");
      assert.equal(rules.modeFor(lax.id, ANN, "off"), "off");
      assert.equal(rules.modeFor(id, ANN, "full"), "anonymous");
      assert.equal(rules.modeFor(0, ""), "anonymous");
      const relaxed = rulesOf(store);
      await relaxed.freshen();
      assert.equal(relaxed.modeFor(0, ANN), "full");
      assert.equal(relaxed.modeFor(0, pseudonymOf(ANN, keys)), "pseudonymous");
    });

    test("an erased person is anonymous to the tenants it was asked for, in whatever spelling", async (t) => {
      const store = await createStore(t, ground);
      const rules = rulesOf(store);
      await rules.freshen();
      assert.equal(rules.erasures, 0);
      await store.privacy.addErased([erasedHashOf(ANN, keys)], 3, NOW_MS);
      await store.privacy.addErased([erasedHashOf("bob@example.com", keys)], "all", NOW_MS);
      rules.expire();
      await rules.freshen();
      assert.equal(rules.erasures, 2);
      assert.equal(rules.modeFor(3, "Ann@Example.COM"), "anonymous");
      assert.equal(rules.modeFor(4, ANN), "full");
      assert.equal(rules.modeFor(4, "bob@example.com"), "anonymous");
      assert.equal(rules.modeFor(3, "annn@example.com"), "full");
    });

    test("a person who is erased again is noted once, and many at once are noted all", async (t) => {
      const location = await ground.createLocation(t);
      const [one, other] = [await reopen(t, location), await reopen(t, location)];
      await Promise.all(
        [one, other, one, other].map(({ privacy }, n) =>
          privacy.addErased(["same", `own ${n}`], "all", NOW_MS),
        ),
      );
      await one.privacy.addErased(["same"], 1, NOW_MS);
      const noted = await other.privacy.erasedAfter(0);
      assert.deepEqual(noted.map(({ hash, scope }) => `${hash} ${scope}`).toSorted(), [
        "own 0 all",
        "own 1 all",
        "own 2 all",
        "own 3 all",
        "same 1",
        "same all",
      ]);
      assert.deepEqual(
        noted.map(({ sequence }) => sequence),
        [1, 2, 3, 4, 5, 6],
      );
      assert.equal((await other.privacy.erasedAfter(4)).length, 2);
    });

    test("another process's change is in force once the rules are older than their bound", async (t) => {
      const location = await ground.createLocation(t);
      const [one, other] = [await reopen(t, location), await reopen(t, location)];
      const { id } = await one.subaccounts.create("One", NOW_MS);
      const rules = rulesOf(other);
      await rules.freshen();
      await one.subaccounts.update(id, { privacy: "off" });
      await one.privacy.addErased([erasedHashOf(ANN, keys)], "all", NOW_MS);
      const changedMs = performance.now();
      while (rules.modeFor(id, ANN) !== "off") {
        assert.ok(performance.now() - changedMs < MAX_AGE_MS * 40);
        await rules.freshen();
      }
      assert.ok(rules.isErased(0, ANN));
    });

    test("a change while the rules are being read is in force in whoever asked after it", async (t) => {
      const store = await createStore(t, ground);
      const { id } = await store.subaccounts.create("One", NOW_MS);
      const rules = rulesOf(store);
      for (const privacy of ["pseudonymous", "anonymous", "off", "full"] as const) {
        rules.expire();
        const reading = rules.freshen();
        await store.subaccounts.update(id, { privacy });
        rules.expire();
        await Promise.all([reading, rules.freshen()]);
        assert.equal(rules.modeFor(id, ANN), privacy);
      }
    });
  });
}
