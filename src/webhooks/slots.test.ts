import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { type SlotRequest, Slots } from "./slots.ts";

const LIMITS = {
  total: 4,
  perTenant: 3,
  failing: 2,
  failingPerTenant: 1,
  slowAfterMs: 3_600_000,
  slow: 100,
};

interface Running {
  readonly request: SlotRequest;
  readonly end: () => void;
}

/** Work that ends when it is told to. */
function controlled(slots: Slots) {
  const running: Running[] = [];
  const ask = (request: SlotRequest): Promise<void> =>
    slots.run(request, () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const entry: Running = {
        request,
        end: () => {
          running.splice(running.indexOf(entry), 1);
          resolve();
        },
      };
      running.push(entry);
      return promise;
    });
  return { running, ask };
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test("neither a tenant nor failing receivers take the places of the others", async () => {
  const { running, ask } = controlled(new Slots(LIMITS));
  for (let n = 0; n < 2; n += 1) void ask({ tenant: 1, isFailing: false });
  for (let n = 0; n < 5; n += 1) void ask({ tenant: 10 + n, isFailing: true });
  await settled();
  assert.deepEqual(
    running.map(({ request: { tenant, isFailing } }) => [tenant, isFailing]),
    [
      [1, false],
      [1, false],
      [10, true],
      [11, true],
    ],
  );
});

test("a tenant's failing receivers leave places to its others", async () => {
  const { running, ask } = controlled(new Slots(LIMITS));
  for (let n = 0; n < 5; n += 1) void ask({ tenant: 1, isFailing: true });
  for (let n = 0; n < 2; n += 1) void ask({ tenant: 1, isFailing: false });
  await settled();
  assert.deepEqual(
    running.map(({ request: { isFailing } }) => isFailing),
    [true, false, false],
  );
});

test("one place that is given back makes room for two that waited for different reasons", async () => {
  const { running, ask } = controlled(new Slots({ ...LIMITS, perTenant: 1, failing: 1 }));
  void ask({ tenant: 1, isFailing: true });
  void ask({ tenant: 1, isFailing: false });
  void ask({ tenant: 2, isFailing: true });
  await settled();
  assert.equal(running.length, 1);
  running[0]?.end();
  await settled();
  assert.equal(running.length, 2);
});

test("work that takes long gives its place up, but for what is beyond the limit", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const limits = { total: 2, perTenant: 2, failing: 2, failingPerTenant: 2, slowAfterMs: 20, slow: 3 };
  const { running, ask } = controlled(new Slots(limits));
  const all = Array.from({ length: 7 }, (_, tenant) => ask({ tenant, isFailing: tenant % 2 === 0 }));
  await settled();
  assert.equal(running.length, 2);
  for (let times = 0; times < 10; times += 1) {
    t.mock.timers.tick(limits.slowAfterMs);
    await settled();
  }
  assert.equal(running.length, 5, "three are slow, two have a place");
  while (running.length > 0) {
    running[0]?.end();
    await settled();
  }
  await Promise.all(all);
});

test("work that fails gives its place back", async () => {
  const slots = new Slots({ ...LIMITS, total: 1 });
  const request = { tenant: 1, isFailing: true };
  await assert.rejects(slots.run(request, () => Promise.reject(new Error("no"))));
  assert.equal(await slots.run(request, async () => 7), 7);
});

test("whatever is asked in whatever order, the limits hold and everything runs in the end", async () => {
  const anyRequest = fc.record({ tenant: fc.nat(3), isFailing: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyRequest, { maxLength: 30 }),
      fc.infiniteStream(fc.nat()),
      async (asked, picks) => {
        const { running, ask } = controlled(new Slots(LIMITS));
        let done = 0;
        const all = asked.map((request) => ask({ ...request }).then(() => (done += 1)));
        while (done < asked.length) {
          await settled();
          const requests = running.map(({ request }) => request);
          assert.ok(requests.length <= LIMITS.total);
          assert.ok(requests.filter(({ isFailing }) => isFailing).length <= LIMITS.failing);
          for (const tenant of [0, 1, 2, 3]) {
            const own = requests.filter((request) => request.tenant === tenant);
            assert.ok(own.length <= LIMITS.perTenant);
            assert.ok(own.filter(({ isFailing }) => isFailing).length <= LIMITS.failingPerTenant);
          }
          assert.ok(running.length > 0 || done === asked.length, "somebody always runs");
          const pick = picks.next().value;
          running[pick % Math.max(1, running.length)]?.end();
          await settled();
        }
        await Promise.all(all);
      },
    ),
    { numRuns: 50 },
  );
});
