import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mock, test } from "node:test";

import { holdWriterSlots } from "../../src/machine.ts";
import { openStore } from "../../src/store/open-store.ts";

const DAY_MS = 86_400_000;

test("a machine that runs for months without a restart keeps its writer slots to itself", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "waypost-machine-"));
  t.after(() => rm(dir, { recursive: true }));
  const store = await openStore({ kind: "sqlite", dir });
  t.after(() => store.close());
  mock.timers.enable({ apis: ["setInterval", "Date"], now: Date.UTC(2026, 0) });
  t.after(() => mock.timers.reset());
  const held = await holdWriterSlots(store.machines, dir);
  t.after(() => held.stop());
  for (let day = 0; day < 32; day += 1) mock.timers.tick(DAY_MS);
  const { machines } = store;
  for (let other = 0; other < 15; other += 1) await machines.claimSlots(`machine ${other}`, Date.now());
  await assert.rejects(machines.claimSlots("one more", Date.now()), { code: "unavailable" });
});
