import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { createTestDatabase } from "../postgres.ts";
import { CLI, createInstallation } from "./waypost-process.ts";
import { DOMAINS, KEY, until, wrappedLink } from "./wrapped-link.ts";

const SECRET = "e2e-secret-that-is-long-enough-for-us";

test("the first key is written to a private file when there is no terminal, and never to the log", async (t) => {
  const installation = await createInstallation(t);
  const waypost = await installation.serve();
  const path = join(installation.dataDir, "first-key");
  await until(async () => statSync(path, { throwIfNoEntry: false }) !== undefined, "the key file");
  const key = readFileSync(path, "utf8").trim();
  assert.match(key, /^[0-9a-f]{40}$/);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(installation.dataDir, "secret")).mode & 0o777, 0o600);
  assert.equal((await waypost.call("GET", DOMAINS, { key })).status, 200);
  assert.ok(!waypost.output().includes(key));
  assert.equal(await waypost.stop(), 0);
});

test("a server whose audit trail cannot be written at its first start is there all the same, and its first key too", async (t) => {
  const installation = await createInstallation(t);
  await installation.run("migrate");
  using store = new DatabaseSync(join(installation.dataDir, "state.db"));
  store.exec(
    "CREATE TRIGGER full BEFORE INSERT ON audit_entries BEGIN SELECT raise(ABORT, 'the trail is full'); END",
  );
  const waypost = await installation.serve();
  const key = readFileSync(join(installation.dataDir, "first-key"), "utf8").trim();
  assert.equal((await waypost.call("GET", DOMAINS, { key })).status, 200);
  assert.match(waypost.output(), /the first key was made and could not be written into the audit trail/);
  assert.ok(!waypost.output().includes(key));
});

for (const database of ["SQLite", "PostgreSQL"] as const) {
  test(`after every process is killed at once, every acknowledged write is there (${database})`, async (t) => {
    const shared = database === "PostgreSQL" ? await createTestDatabase() : undefined;
    t.after(() => shared?.drop());
    const installation = await createInstallation(t, {
      WAYPOST_API_KEY: KEY,
      WAYPOST_SECRET: SECRET,
      ...(shared === undefined ? {} : { WAYPOST_DATABASE_URL: shared.url }),
    });
    const first = await installation.serve();
    const { link, messageId } = await wrappedLink(first);
    const acknowledged: string[] = [];
    const clicks = { answered: 0 };
    const writer = async (name: string) => {
      for (let count = 0; ; count += 1) {
        const domain = `${name}${count}.acme.com`;
        const answer = await first.call("POST", DOMAINS, { key: KEY, body: { domain } });
        if (answer.status === 200) acknowledged.push(domain);
        if ((await first.visit(link)).status === 302) clicks.answered += 1;
      }
    };
    const writers = ["a", "b", "c", "d"].map((name) => writer(name).catch(() => undefined));
    const isUnderLoad = () => assert.ok(acknowledged.length > 20 && clicks.answered > 20);
    await t.waitFor(isUnderLoad, { interval: 5, timeout: 30_000 });
    await first.killAll();
    await Promise.all(writers);

    const second = await installation.serve();
    const { json } = await second.call("GET", DOMAINS, { key: KEY });
    const names = new Set(json.results.map(({ domain }: { domain: string }) => domain));
    assert.deepEqual(
      acknowledged.filter((domain) => !names.has(domain)),
      [],
    );
    assert.equal((await second.visit(link)).status, 302);
    const events = async () =>
      (await second.call("GET", `/api/v1/events/message?messages=${messageId}&per_page=10000`, { key: KEY }))
        .json.results;
    // A click whose answer was cut off by the kill may be recorded; one that was answered must be.
    await until(async () => (await events()).length > clicks.answered, "all answered clicks are events");
    const ids = (await events()).map(({ event_id }: { event_id: string }) => event_id);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.length <= clicks.answered + 1 + writers.length);
  });
}

test("the edge answers while the control process is dead, and the control process comes back", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const waypost = await installation.serve();
  const { link } = await wrappedLink(waypost);
  const control = waypost.controlProcess();
  assert.ok(control !== undefined);
  process.kill(control, "SIGKILL");
  for (let clicks = 0; clicks < 50; clicks += 1) assert.equal((await waypost.visit(link)).status, 302);
  await until(
    async () => (await waypost.call("GET", DOMAINS, { key: KEY }).catch(() => undefined))?.status === 200,
    "the control process is back",
  );
});

test("a second serve on the same data directory refuses to start and says why", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  await installation.serve();
  const { code, stderr } = await installation.run("serve");
  assert.equal(code, 1);
  assert.match(stderr, /already running/);
});

test("serve refuses to start with a secret that does not fit the store, and says what that means", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const waypost = await installation.serve();
  await waypost.stop();
  const { code, stderr, stdout } = await installation.run(
    "serve",
    "--secret",
    "another-secret-that-is-long-enough",
  );
  assert.equal(code, 1);
  assert.match(`${stderr}${stdout}`, /WAYPOST_SECRET.*is not the one this store was made with/);
});

test("an operator blocks, unblocks and releases domains from the command line", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const waypost = await installation.serve();
  const { link } = await wrappedLink(waypost);
  const statusOf = async () => (await waypost.visit(link)).status;

  const blocked = await installation.run("domains", "block", "Click.localhost", "--json");
  assert.deepEqual(JSON.parse(blocked.stdout), { domain: "click.localhost", done: "block" });
  await until(async () => (await statusOf()) === 403, "the block reaches the edge");
  const { json } = await waypost.call("POST", `${DOMAINS}/click.localhost/verify`, { key: KEY });
  assert.equal(json.results.compliance_status, "blocked");
  assert.equal((await installation.run("domains", "unblock", "click.localhost")).code, 0);
  await until(async () => (await statusOf()) === 302, "the block is gone");

  const early = await installation.run("domains", "release", "click.localhost");
  assert.equal(early.code, 1);
  assert.match(early.stderr, /is not held/);
  await waypost.call("DELETE", `${DOMAINS}/click.localhost`, { key: KEY });
  assert.equal((await installation.run("domains", "release", "click.localhost")).code, 0);
  await waypost.call("POST", "/api/v1/subaccounts", { key: KEY, body: { name: "One" } });
  const created = await waypost.call("POST", DOMAINS, {
    key: KEY,
    body: { domain: "click.localhost" },
    headers: { "x-msys-subaccount": "1" },
  });
  assert.equal(created.status, 200);
  assert.equal(await statusOf(), 302);
});

test("keys and subaccounts are made, listed and ended from the command line", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const waypost = await installation.serve();
  assert.match((await installation.run("subaccounts", "create", "Acme")).stdout, /Subaccount 1 \(Acme\)/);
  const made = await installation.run("keys", "create", "--label", "ops", "--subaccount", "1");
  const key = made.stdout.trim();
  assert.match(key, /^[0-9a-f]{40}$/);
  assert.equal((await waypost.call("GET", DOMAINS, { key })).status, 200);
  const listed = (await installation.run("keys", "list")).stdout;
  assert.ok(!listed.includes(key));
  const id = /^(\S+) +\S+… +ops\b/m.exec(listed)?.[1] ?? "";
  assert.equal((await installation.run("keys", "revoke", id)).code, 0);
  assert.equal((await waypost.call("GET", DOMAINS, { key })).status, 401);
  assert.match(
    (await installation.run("subaccounts", "set-status", "1", "suspended")).stdout,
    /is suspended/,
  );
  assert.match((await installation.run("subaccounts", "list")).stdout, /1 +suspended +Acme/);
  assert.equal((await installation.run("subaccounts", "set-status", "1", "gone")).code, 1);
  assert.equal((await installation.run("subaccounts", "set-privacy", "1", "anonymous")).code, 0);
  assert.match((await installation.run("subaccounts", "list")).stdout, /Acme +anonymous/);
  const [subaccount] = JSON.parse((await installation.run("subaccounts", "list", "--json")).stdout);
  assert.deepEqual([subaccount.id, subaccount.name, subaccount.privacy], [1, "Acme", "anonymous"]);
  const keys = (await installation.run("keys", "list", "--json")).stdout;
  assert.equal(JSON.parse(keys).length, 1);
  assert.doesNotMatch(keys, /hash/);
  assert.match(
    (await installation.run("subaccounts", "set-privacy", "1", "none")).stderr,
    /must be one of full/,
  );
  assert.match((await installation.run("subaccounts", "set-privacy", "9", "off")).stderr, /no subaccount 9/);
});

test("a server whose terminal is closed stops as it does when it is told to", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const result = join(installation.dataDir, "exit-code");
  // As an interactive shell does: it tells what it has started.
  const told = 'trap "kill -HUP $server" HUP; wait $server; wait $server; echo $?';
  const serve = `"${process.execPath}" "${CLI}" serve & server=$!; ${told} > "${result}"`;
  const terminal = spawn("script", ["--quiet", "--command", serve, "/dev/null"], {
    env: { ...installation.environment, TERM: "xterm" },
    stdio: ["ignore", "ignore", "ignore"],
  });
  const isReady = () => fetch(`http://127.0.0.1:${installation.ports.ops}/readyz`).then(({ ok }) => ok);
  await until(() => isReady().catch(() => false), "it is ready");
  terminal.kill("SIGKILL");
  await until(async () => existsSync(result) && readFileSync(result, "utf8") !== "", "it has ended");
  assert.equal(readFileSync(result, "utf8"), "0\n");
});

test("check-config says what is in force without secrets, and all that is wrong at once", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const { code, stdout } = await installation.run("check-config");
  assert.equal(code, 0);
  assert.match(stdout, /WAYPOST_API_KEY=true/);
  assert.ok(!stdout.includes(KEY));
  assert.match(stdout, /There is no store in/);
  assert.deepEqual(readdirSync(installation.dataDir), []);
  const revoked = await installation.run("keys", "revoke", "some-id");
  assert.equal(revoked.code, 1);
  assert.match(revoked.stderr, /There is no store in .*: is that the right WAYPOST_DATA_DIR\?/);
  assert.deepEqual(readdirSync(installation.dataDir), []);
  const wrong = await installation.run("check-config", "--edge-workers", "none", "--api-listen", "x");
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /WAYPOST_API_LISTEN must be ADDRESS:PORT/);
  assert.match(wrong.stderr, /WAYPOST_EDGE_WORKERS must be a whole number/);
  assert.equal((await installation.run("serve", "--no-such-flag")).code, 2);
});

test("an edge on a machine of its own follows the shared store and ships its events", async (t) => {
  const shared = await createTestDatabase();
  t.after(() => shared.drop());
  const common = { WAYPOST_DATABASE_URL: shared.url, WAYPOST_SECRET: SECRET, WAYPOST_API_KEY: KEY };
  const edge = await createInstallation(t, { ...common, WAYPOST_ROLES: "edge" });
  const api = await createInstallation(t, {
    ...common,
    WAYPOST_ROLES: "api,worker",
    WAYPOST_EDGE_HTTP_LISTEN: `127.0.0.1:${edge.ports.edge}`,
  });
  const apiMachine = await api.serve();
  const edgeMachine = await edge.serve();
  assert.equal(await edgeMachine.call("GET", DOMAINS, { key: KEY }).catch(() => "refused"), "refused");
  const { link, messageId } = await wrappedLink(apiMachine);
  assert.equal((await edgeMachine.visit(link)).status, 302);
  const events = async () =>
    (await apiMachine.call("GET", `/api/v1/events/message?messages=${messageId}`, { key: KEY })).json.results
      .length;
  await until(async () => (await events()) === 1, "the click is in the shared store");
  const slots = [api, edge].map(({ dataDir }) => readFileSync(join(dataDir, "writer-slots"), "utf8"));
  assert.notEqual(slots[0], slots[1]);
});
