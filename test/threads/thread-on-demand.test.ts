import assert from "node:assert/strict";
import { test } from "node:test";

import { ThreadOnDemand } from "../../src/threads/thread-on-demand.ts";
import { startThread } from "../../src/threads/worker-link.ts";

function thread(state: "works" | "broken") {
  const told: string[] = [];
  let started = 0;
  const onDemand = new ThreadOnDemand<string>(
    () => {
      started += 1;
      return startThread(import.meta.url, "echo-program", state);
    },
    ({ message }) => told.push(message),
  );
  return { onDemand, told, starts: () => started };
}

test("a thread starts with the first request, once, and answers what was asked meanwhile in order", async () => {
  const { onDemand, told, starts } = thread("works");
  assert.equal(starts(), 0);
  const asked = Array.from({ length: 20 }, (_, n) => String(n));
  const answers: string[] = [];
  await Promise.all(asked.map(async (text) => answers.push(await onDemand.send<string>(text))));
  assert.deepEqual(answers, asked);
  assert.equal(starts(), 1);
  await onDemand.close();
  await assert.rejects(onDemand.send("late"), /closed/);
  assert.deepEqual(told, []);
});

test("a thread that cannot open its files says so once, and refuses what it was asked", async () => {
  const { onDemand, told } = thread("broken");
  const asked = await Promise.allSettled([onDemand.send("one"), onDemand.send("two")]);
  assert.deepEqual(
    asked.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  await assert.rejects(onDemand.send("three"), /no such folder/);
  await onDemand.close();
  assert.deepEqual(told, ["there is no such folder"]);
});

test("a thread that is closed before it was asked for anything never starts", async () => {
  const { onDemand, starts } = thread("works");
  await onDemand.close();
  assert.equal(starts(), 0);
});

test("closing while a thread starts waits for what it was asked; that it then cannot open its files harms nobody", async () => {
  const works = thread("works");
  const asked = works.onDemand.send<string>("one");
  await works.onDemand.close();
  assert.equal(await asked, "one");
  const broken = thread("broken");
  const refused = assert.rejects(broken.onDemand.send("one"), /no such folder/);
  await assert.rejects(broken.onDemand.close(), /no such folder/);
  await refused;
  assert.deepEqual(broken.told, []);
});
