import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";

import { send } from "../api/harness.ts";
import { startTcpProxy } from "../crash/tcp-proxy.ts";
import { createTestDatabase } from "../postgres.ts";
import { fillDisk, mountSmallDisk } from "../small-disk.ts";
import { createInstallation, type Installation } from "./waypost-process.ts";
import { KEY, wrappedLink } from "./wrapped-link.ts";

const DOMAINS = "/api/v1/tracking-domains";
const WITHIN = { interval: 50, timeout: 60_000 };

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
  const controlProcess = waypost.controlProcess();
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
  assert.equal(waypost.controlProcess(), controlProcess);
});

test("a start in the middle of another machine's migration serves links at once, and all else once that is over", async (t) => {
  const database = await createTestDatabase();
  t.after(() => database.drop());
  const installation = await createInstallation(t, {
    WAYPOST_DATABASE_URL: database.url,
    WAYPOST_SECRET: "0123456789abcdef0123456789abcdef0123456789a",
    WAYPOST_API_KEY: KEY,
  });
  await (await installation.serve()).stop();
  const other = new Client({ connectionString: database.url });
  await other.connect();
  // Kysely's, for migrations.
  await other.query("select pg_advisory_lock(3853314791062309107)");
  let isReady = false;
  const serving = installation.serve().then((waypost) => {
    isReady = true;
    return waypost;
  });
  const robots = async () => {
    const answer = await send(installation.ports.edge, "GET", "/robots.txt", { key: null });
    assert.equal(answer.status, 200);
  };
  await t.waitFor(robots, WITHIN);
  assert.equal(isReady, false);
  await other.end();
  await serving;
});

test("a machine whose disk is full starts all the same: it answers, and stores what its spool has", async (t) => {
  const disk = mountSmallDisk(t, 64);
  if (disk === undefined) return t.skip("mounting a small disk needs root");
  const database = await createTestDatabase();
  t.after(() => database.drop());
  const installation = await createInstallation(t, {
    WAYPOST_DATABASE_URL: database.url,
    WAYPOST_DATA_DIR: disk,
    WAYPOST_API_KEY: KEY,
    WAYPOST_EDGE_WORKERS: "1",
  });
  const first = await installation.serve();
  const { link } = await wrappedLink(first);
  await first.visit(link);
  const control = first.controlProcess();
  assert.ok(control !== undefined);
  // Stopped in the middle of emptying the spool it would keep the edge from it.
  await t.waitFor(async () => {
    const { json } = await first.call("GET", "/api/v1/events/message?events=click", { key: KEY });
    const { text } = await send(installation.ports.ops, "GET", "/metrics", { key: null });
    assert.deepEqual([json.results.length, /^waypost_spool_events 0$/m.test(text)], [1, true]);
  }, WITHIN);
  process.kill(control, "SIGSTOP");
  for (let clicks = 0; clicks < 20; clicks += 1) assert.equal((await first.visit(link)).status, 302);
  await first.killAll();
  const filling = fillDisk(disk);

  const isServed = async () => {
    const answer = await send(installation.ports.ops, "GET", "/internal/tls/ask?domain=later.acme.com", {
      key: null,
    });
    assert.equal(answer.status, 200);
  };
  const second = await installation.serve();
  assert.equal((await second.visit(link)).status, 302);
  const clicks = async () => {
    const { json } = await second.call("GET", "/api/v1/events/message?events=click", { key: KEY });
    return json.results.length;
  };
  await t.waitFor(async () => assert.ok((await clicks()) >= 21), WITHIN);
  const added = await second.call("POST", DOMAINS, { key: KEY, body: { domain: "later.acme.com" } });
  assert.equal(added.status, 200);
  await t.waitFor(() => assert.match(second.output(), /could not be published/), WITHIN);
  await assert.rejects(isServed);
  rmSync(filling);
  await t.waitFor(isServed, WITHIN);
  assert.match(readFileSync(join(disk, "snapshot"), "utf8"), /^later\.acme\.com\t/m);
});

test("a machine that is not upgraded yet serves links on when it starts again, though the database is a newer version's", async (t) => {
  const database = await createTestDatabase();
  t.after(() => database.drop());
  const installation = await createInstallation(t, {
    WAYPOST_DATABASE_URL: database.url,
    WAYPOST_API_KEY: KEY,
  });
  const first = await installation.serve();
  const { link } = await wrappedLink(first);
  await first.stop();
  const store = new Client({ connectionString: database.url });
  await store.connect();
  await store.query("insert into state_migrations values ('state-999-of-tomorrow', now()::text)");
  const starting = installation.serve();
  await t.waitFor(async () => assert.equal(await statusOf(installation, link), 302), WITHIN);
  const readiness = () => send(installation.ports.ops, "GET", "/readyz", { key: null });
  await t.waitFor(async () => assert.match((await readiness()).text, /newer version of Waypost/), WITHIN);
  assert.equal((await send(installation.ports.ops, "GET", "/healthz", { key: null })).status, 200);
  await store.query("delete from state_migrations where name = 'state-999-of-tomorrow'");
  await store.end();
  const second = await starting;
  assert.equal(
    second.output().match(/waiting for it/g)?.length,
    1,
    "it waited, and did not start again and again",
  );
});

test("a port that somebody has taken from the API keeps no edge down that knows what to answer", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const first = await installation.serve();
  const { link } = await wrappedLink(first);
  await first.stop();
  const other = createServer().listen(installation.ports.api, "127.0.0.1");
  t.after(() => other.close());
  const starting = installation.serve();
  await t.waitFor(async () => assert.equal(await statusOf(installation, link), 302), WITHIN);
  other.close();
  await starting;
});

async function statusOf({ ports }: Installation, link: string): Promise<number> {
  const { host, pathname } = new URL(link);
  const { status } = await send(ports.edge, "GET", pathname, { key: null, headers: { host } });
  return status;
}
