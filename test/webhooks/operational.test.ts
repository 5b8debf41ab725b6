import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import type { NewOperationalEvent } from "../../src/domain/operational-event.ts";
import type { EdgeStatsMessage } from "../../src/edge/worker-messages.ts";
import { createOperationalRecorder } from "../../src/ops/operational-events.ts";
import { createSpoolAlarm, startSpoolWatch } from "../../src/ops/spool-watch.ts";
import { onBothDatabases } from "../api/harness.ts";
import { startTestInstallation } from "../api/with-edge.ts";
import { createPlace, open, receiver, until } from "./delivery-setup.ts";

const WEBHOOKS = "/api/v1/webhooks";

onBothDatabases("operational events", (database) => {
  test("a domain that breaks and recovers is told to the webhooks of its account and of its owner, and to no other", async (t) => {
    const installation = await startTestInstallation(database);
    t.after(() => installation[Symbol.asyncDispose]());
    const { call, dns } = installation;
    for (const name of ["One", "Two"]) await call("POST", "/api/v1/subaccounts", { body: { name } });
    const as = (subaccount: number) => ({ "x-msys-subaccount": String(subaccount) });
    const add = async (headers: Record<string, string>, body: object = {}) => {
      const target = await receiver(t);
      const { status, json } = await call("POST", WEBHOOKS, {
        body: {
          name: "ops",
          kind: "operational",
          events: ["domain_broken", "domain_recovered"],
          target: target.url,
          ...body,
        },
        headers,
      });
      assert.equal(status, 200, JSON.stringify(json));
      return target;
    };
    const [everybody, owner, other, primary] = [
      await add({}),
      await add(as(1)),
      await add(as(2)),
      await add(as(0)),
    ];
    await installation.addVerifiedDomain("click.acme.com", as(1));
    dns.zone.set("click.acme.com", { a: ["127.0.0.99"] });
    await call("POST", "/api/v1/tracking-domains/click.acme.com/verify", { headers: as(1) });
    await until(() => owner.deliveredIds().length === 1, "its owner is told that it broke");
    await installation.addVerifiedDomain("click.acme.com", as(1));
    await until(() => owner.deliveredIds().length === 2, "and that it recovered");
    await until(() => everybody.deliveredIds().length === 2, "the account is told too");
    const told = owner.batches.flatMap(({ events }) => events);
    assert.deepEqual(
      told.map(({ event_id: _id, timestamp: _at, reason: _reason, ...rest }) => rest),
      [
        {
          type: "domain_broken",
          subaccount_id: "1",
          tracking_domain: "click.acme.com",
          problem: "verification",
        },
        {
          type: "domain_recovered",
          subaccount_id: "1",
          tracking_domain: "click.acme.com",
          problem: "verification",
        },
      ],
    );
    assert.match(String(told[0]?.["reason"]), /click\.acme\.com/);
    assert.equal(owner.batches[1]?.body.startsWith('[{"msys":{"operational_event":{'), true);
    assert.deepEqual([...other.deliveredIds(), ...primary.deliveredIds()], []);
    assert.deepEqual(
      [owner, everybody].flatMap(({ complaints }) => complaints),
      [],
    );
  });
});

async function recording(t: TestContext, now: () => number = () => 1000) {
  const store = await open(t, await createPlace(t, "sqlite"));
  const lines: string[] = [];
  const record = createOperationalRecorder({
    store: store.operationalEvents,
    log: { warn: (_, line) => lines.push(line), info: (_, line) => lines.push(line) },
    now,
  });
  const stored = () => store.operationalEvents.readAfter(0, 100);
  const kinds = async () => (await stored()).map(({ kind }) => kind);
  return { record, lines, kinds, stored };
}

test("a domain that works for the first time has not recovered from anything", async (t) => {
  const { record, lines, kinds } = await recording(t);
  const about = { subaccountId: 0, fields: { trackingDomain: "a.example.com", problem: "https" } } as const;
  const events: NewOperationalEvent[] = [
    { kind: "domain_recovered", ...about },
    { kind: "domain_broken", ...about },
    { kind: "domain_recovered", ...about },
    { kind: "domain_recovered", ...about },
  ];
  for (const event of events) record(event);
  await until(async () => (await kinds()).length === 2, "they are stored");
  assert.deepEqual(await kinds(), ["domain_broken", "domain_recovered"]);
  assert.deepEqual(lines, ["a tracking domain is broken", "a tracking domain has recovered"]);
});

test("what keeps a certificate from working is told once a day, and something else at once", async (t) => {
  const clock = { nowMs: 0 };
  const { record, kinds, stored } = await recording(t, () => clock.nowMs);
  const failing = (atMs: number, problem: "acme:dns" | "lapsed") => {
    clock.nowMs = atMs;
    const fields = { trackingDomain: "a.example.com", problem, reason: "It is so." };
    record({ kind: "certificate_failing", subaccountId: 0, fields });
  };
  const hour = 3_600_000;
  failing(0, "acme:dns");
  failing(hour, "acme:dns");
  failing(23 * hour, "acme:dns");
  failing(24 * hour, "acme:dns");
  failing(25 * hour, "lapsed");
  await until(async () => (await kinds()).length === 3, "they are stored");
  assert.deepEqual(
    (await stored()).map(({ atMs, fields }) => [atMs / hour, fields["problem"]]),
    [
      [0, "acme:dns"],
      [24, "acme:dns"],
      [25, "lapsed"],
    ],
  );
});

test("a filling spool is told of once at each mark, and again only after it has emptied", () => {
  const isAlarming = createSpoolAlarm();
  const told = [0.4, 0.6, 0.7, 0.99, 0.5, 0.99, 0.1, 0.5].map((share) => isAlarming(share));
  assert.deepEqual(told, [false, true, false, true, false, false, false, true]);
});

test("what the edge reports of its spool becomes an event", async (t) => {
  const { record, kinds } = await recording(t);
  const worker = { stats: { spool: { usedShare: 0.6 } } } as EdgeStatsMessage;
  const watch = startSpoolWatch({ workers: () => [worker], machine: "m", record, intervalMs: 5 });
  t.after(() => watch.stop());
  await until(async () => (await kinds()).length === 1, "it is stored");
  assert.deepEqual(await kinds(), ["spool_filling"]);
});
