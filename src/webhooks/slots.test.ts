import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { type SlotRequest, Slots } from "./slots.ts";

const LIMITS = { total: 4, perTenant: 2, failing: 1 };

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
  for (let n = 0; n < 5; n += 1) void ask({ tenant: 1, isFailing: false });
  for (let n = 0; n < 5; n += 1) void ask({ tenant: 10 + n, isFailing: true });
  await settled();
  assert.deepEqual(
    running.map(({ request: { tenant, isFailing } }) => [tenant, isFailing]),
    [
      [1, false],
      [1, false],
      [10, true],
    ],
  );
  void ask({ tenant: 2, isFailing: false });
  await settled();
  assert.equal(running.length, 4);
});

test("work that fails gives its place back", async () => {
  const slots = new Slots({ total: 1, perTenant: 1, failing: 1 });
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
          for (const tenant of [0, 1, 2, 3])
            assert.ok(requests.filter((request) => request.tenant === tenant).length <= LIMITS.perTenant);
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
