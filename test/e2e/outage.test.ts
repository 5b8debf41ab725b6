import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { startTcpProxy } from "../crash/tcp-proxy.ts";
import { createTestDatabase } from "../postgres.ts";
import { createInstallation } from "./waypost-process.ts";

const DOMAINS = "/api/v1/tracking-domains";
const KEY = "0123456789abcdef0123456789abcdef01234567";
const WITHIN = { interval: 50, timeout: 15_000 };

test("while the database is down in the middle of requests the API answers 503 in the documented shape, and recovers by itself", async (t) => {
  const database = await createTestDatabase();
  t.after(() => database.drop());
  const url = new URL(database.url);
  await using proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
  url.host = `127.0.0.1:${proxy.port}`;
  const installation = await createInstallation(t, {
    WAYPOST_DATABASE_URL: url.href,
    WAYPOST_SECRET: "0123456789abcdef0123456789abcdef0123456789a",
    WAYPOST_API_KEY: KEY,
  });
  const waypost = await installation.serve();
  const controlProcess = waypost.processes()[1];
  const acknowledged = new Set<string>();
  const failures: { status: number; json: unknown }[] = [];
  let isOver = false;
  const writer = async (name: string): Promise<void> => {
    for (let n = 0; !isOver; n += 1) {
      const domain = `${name}${n}.acme.com`;
      const answer = await waypost.call("POST", DOMAINS, { key: KEY, body: { domain } });
      if (answer.status === 200) acknowledged.add(domain);
      else failures.push(answer);
      await sleep(5);
    }
  };
  const writers = ["a", "b", "c", "d"].map(writer);
  await t.waitFor(() => assert.ok(acknowledged.size > 20), WITHIN);
  await proxy.goDown();
  await t.waitFor(() => assert.ok(failures.length > 20), WITHIN);
  assert.equal((await waypost.call("GET", DOMAINS, { key: KEY })).headers["retry-after"], "5");
  await proxy.comeBack();
  const atReturn = acknowledged.size;
  await t.waitFor(() => assert.ok(acknowledged.size > atReturn + 20), WITHIN);
  isOver = true;
  await Promise.all(writers);

  for (const { status, json } of failures) {
    assert.equal(status, 503);
    assert.deepEqual(json, {
      errors: [{ message: "service unavailable", description: "The store does not answer. Try again." }],
    });
  }
  const { json } = await waypost.call("GET", DOMAINS, { key: KEY });
  const stored = new Set(json.results.map(({ domain }: { domain: string }) => domain));
  assert.deepEqual(
    [...acknowledged].filter((domain) => !stored.has(domain)),
    [],
  );
  assert.equal(waypost.processes()[1], controlProcess);
});
