import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { parseHostname } from "../../src/domain/hostname.ts";
import type { NewOperationalEvent } from "../../src/domain/operational-event.ts";
import type { EdgeStatsMessage } from "../../src/edge/worker-messages.ts";
import { createOperationalReports } from "../../src/operational-reports.ts";
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
  const { record, stop } = createOperationalRecorder({
    store: store.operationalEvents,
    log: { warn: (_, line) => lines.push(line), info: (_, line) => lines.push(line) },
    now,
  });
  t.after(stop);
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

/** A recorder on a store that is away until it is let back. */
async function recordingWhileAway(t: TestContext) {
  const { operationalEvents } = await open(t, await createPlace(t, "sqlite"));
  const lines: string[] = [];
  let isAway = true;
  let attempts = 0;
  const back = <T>(work: () => Promise<T>): Promise<T> => {
    attempts += 1;
    return isAway ? Promise.reject(new Error("down")) : work();
  };
  const { record, stop } = createOperationalRecorder({
    store: {
      last: (event) => back(() => operationalEvents.last(event)),
      append: (event, nowMs) => back(() => operationalEvents.append(event, nowMs)),
      prune: (beforeMs, keep) => back(() => operationalEvents.prune(beforeMs, keep)),
    },
    log: { warn: (_, line) => lines.push(line), info: (_, line) => lines.push(line) },
    now: () => 1000,
    retryMs: 5,
  });
  t.after(stop);
  const letBack = () => {
    isAway = false;
  };
  const stored = () => operationalEvents.readAfter(0, 1000);
  return { record, stop, lines, letBack, stored, attempts: () => attempts };
}

function filling(usedPercent: number): NewOperationalEvent {
  return { kind: "spool_filling", subaccountId: 0, fields: { machine: "m", usedPercent } };
}

test("what happens while the store is away is told in the log at once, and arrives in its order once the store is back", async (t) => {
  const { record, lines, letBack, stored, attempts } = await recordingWhileAway(t);
  const about = { subaccountId: 0, fields: { trackingDomain: "a.example.com", problem: "https" } } as const;
  record(filling(81));
  record({ kind: "domain_broken", ...about });
  record({ kind: "domain_recovered", ...about });
  await until(async () => attempts() >= 3, "it is tried again");
  assert.deepEqual(lines, ["the spool is filling", "an operational event could not be stored, trying again"]);
  letBack();
  await until(async () => (await stored()).length === 3, "all are stored");
  assert.deepEqual(
    (await stored()).map(({ kind, atMs }) => [kind, atMs]),
    [
      ["spool_filling", 1000],
      ["domain_broken", 1000],
      ["domain_recovered", 1000],
    ],
  );
});

test("while the store is away the newest hundred operational events are kept", async (t) => {
  const { record, lines, letBack, stored, attempts } = await recordingWhileAway(t);
  for (let n = 0; n < 130; n += 1) record(filling(n));
  await until(async () => attempts() >= 2, "it is tried again");
  letBack();
  await until(async () => (await stored()).length === 100, "those are stored");
  assert.deepEqual(
    (await stored()).map(({ fields }) => fields["usedPercent"]),
    Array.from({ length: 100 }, (_, n) => 30 + n),
  );
  const dropped = "an operational event waited for the store until it was dropped";
  assert.equal(lines.filter((line) => line === dropped).length, 30);
});

test("a stop does not wait for a store that is away", async (t) => {
  const { record, stop, attempts } = await recordingWhileAway(t);
  record(filling(81));
  await until(async () => attempts() >= 3, "it is tried again");
  await stop();
  const before = attempts();
  await sleep(100);
  assert.equal(attempts(), before);
});

test("an event about a domain whose owner cannot be read names the domain all the same", async () => {
  const events: NewOperationalEvent[] = [];
  const reports = createOperationalReports({
    store: { trackingDomains: { find: () => Promise.reject(new Error("down")) } },
    record: (event) => events.push(event),
    log: { warn: () => {} },
  });
  const domain = parseHostname("click.acme.com");
  reports.certificateChanged({ kind: "certificate_lapsed", domain, source: "acme", expiresAtMs: 0 });
  await until(async () => events.length === 1, "it is recorded");
  const fields = { trackingDomain: domain, problem: "lapsed" };
  assert.partialDeepStrictEqual(events, [{ kind: "certificate_failing", subaccountId: 0, fields }]);
});

test("what the edge reports of its spool becomes an event", async (t) => {
  const { record, kinds } = await recording(t);
  const worker = { stats: { spool: { usedShare: 0.6 } } } as EdgeStatsMessage;
  const watch = startSpoolWatch({ workers: () => [worker], machine: "m", record, intervalMs: 5 });
  t.after(() => watch.stop());
  await until(async () => (await kinds()).length === 1, "it is stored");
  assert.deepEqual(await kinds(), ["spool_filling"]);
});

/** What is told of a worker whose spool says so at each look. */
function watchSpool(t: TestContext, spool: () => object, intervalMs: number): readonly NewOperationalEvent[] {
  const told: NewOperationalEvent[] = [];
  const watch = startSpoolWatch({
    workers: () => [{ pid: 1, stats: { spool: spool() } } as unknown as EdgeStatsMessage],
    machine: "m",
    record: (event) => told.push(event),
    intervalMs,
  });
  t.after(() => watch.stop());
  return told;
}

for (const [trouble, spool] of [
  ["a disk that is full below the limit of the spool", { usedShare: 0.1, lostEvents: 0, failure: "ENOSPC" }],
  ["a worker without a spool", { usedShare: 0, lostEvents: 7, failure: "no spool", slots: [] }],
] as const)
  test(`${trouble} counts as a spool whose room is all taken`, async (t) => {
    const told = watchSpool(t, () => spool, 5);
    await until(() => told.length > 0, "it is told");
    await sleep(50);
    assert.deepEqual(told, [filling(100)]);
  });

test("events that are lost are told of once, however often it stops in between", async (t) => {
  let looks = 0;
  // Every third look finds that more were lost.
  const spool = () => {
    looks += 1;
    return { usedShare: 0, lostEvents: 5 + Math.floor(looks / 3), failure: undefined };
  };
  const told = watchSpool(t, spool, 1);
  await until(() => looks > 30, "it looks again and again");
  assert.deepEqual(told, [filling(100)]);
});
