/** Commands that work on the data directory or database itself. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { createInstallation, type WaypostProcess } from "./waypost-process.ts";
import { KEY } from "./wrapped-link.ts";

interface Entry {
  readonly method: string;
  readonly action: string;
  readonly path: string;
  readonly fields: object;
  readonly subaccount_id?: number;
}

async function auditTrail(waypost: WaypostProcess): Promise<readonly Entry[]> {
  return (await waypost.call("GET", "/api/v1/audit", { key: KEY })).json.results;
}

test("what is changed on the command line is in the audit trail, with the user of the operating system", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const waypost = await installation.serve();
  const run = async (...args: readonly string[]) => {
    const ran = await installation.run(...args);
    assert.equal(ran.code, 0, `${args.join(" ")}: ${ran.stderr}`);
    return ran;
  };
  await run("subaccounts", "create", "Acme");
  await run("domains", "add", "click.localhost", "--subaccount", "1");
  const before = (await auditTrail(waypost)).length;
  const { stderr } = await run(
    "keys",
    "create",
    "--label",
    "Ci",
    "--grants",
    "messages/wrap",
    "--subaccount",
    "1",
  );
  const keyId = /Key (\S+) /.exec(stderr)?.[1] ?? "";
  await run("keys", "revoke", keyId);
  await run("domains", "block", "click.localhost");
  await run("domains", "unblock", "click.localhost");
  await run("domains", "rm", "click.localhost", "--yes", "--subaccount", "1");
  await run("domains", "release", "click.localhost");
  await run("subaccounts", "rename", "1", "Acme Mail");
  await run("subaccounts", "set-privacy", "1", "anonymous");
  await run("subaccounts", "set-status", "1", "suspended");
  await run("keyring", "rotate");
  const { stdout: exported } = await run("keyring", "export");

  const made = (await auditTrail(waypost)).slice(0, -before).reverse();
  const local = made.filter(({ method }) => method.startsWith("waypost "));
  const [first] = local;
  const { id: _id, timestamp: _timestamp, ...created } = first as Entry & { id: string; timestamp: string };
  assert.deepEqual(created, {
    kind: "change",
    action: "Create an API key",
    method: "waypost keys create",
    path: `/api/v1/keys/${keyId}`,
    fields: { label: "Ci", grants: ["messages/wrap"], valid_ips: [] },
    key_label: userInfo().username,
    via: "command_line",
    subaccount_id: 1,
  });
  const domain = "/api/v1/tracking-domains/click.localhost";
  assert.deepEqual(
    local.map(({ method, path }) => [method, path]),
    [
      ["waypost keys create", `/api/v1/keys/${keyId}`],
      ["waypost keys revoke", `/api/v1/keys/${keyId}`],
      ["waypost domains block", domain],
      ["waypost domains unblock", domain],
      ["waypost domains release", domain],
      ["waypost subaccounts rename", "/api/v1/subaccounts/1"],
      ["waypost subaccounts set-privacy", "/api/v1/subaccounts/1"],
      ["waypost subaccounts set-status", "/api/v1/subaccounts/1"],
      ["waypost keyring rotate", "keyring"],
      ["waypost keyring export", "keyring"],
    ],
  );
  assert.deepEqual(
    local.slice(0, 2).map(({ subaccount_id: id }) => id),
    [1, 1],
  );
  assert.deepEqual(local.at(-3)?.fields, { status: "suspended" });
  assert.deepEqual(local.at(-1)?.fields, {});
  assert.ok(exported.trim().length > 100 && !JSON.stringify(made).includes(exported.trim()));
});

test("a command that changes nothing leaves no entry in the audit trail", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const waypost = await installation.serve();
  const before = await auditTrail(waypost);
  for (const args of [
    ["keys", "revoke", "nobody"],
    ["domains", "block", "nobody.example"],
    ["subaccounts", "set-status", "7", "active"],
  ]) {
    assert.equal((await installation.run(...args)).code, 1);
  }
  assert.deepEqual(await auditTrail(waypost), before);
});

test("a key that is made is shown before anything else that can fail", async (t) => {
  const { run, dataDir } = await createInstallation(t);
  await run("migrate");
  using store = new DatabaseSync(join(dataDir, "state.db"));
  store.exec(
    "CREATE TRIGGER full BEFORE INSERT ON audit_entries BEGIN SELECT raise(ABORT, 'the trail is full'); END",
  );
  const { code, stdout, stderr } = await run("keys", "create", "--label", "Ci");
  assert.equal(code, 1);
  assert.match(stdout, /^[0-9a-f]{40}\n$/);
  assert.match(stderr, /^Key .* shown only now:\nIt was done, .* audit trail: the trail is full\n$/);
});

test("the keys that seal links are listed for people and for programs, without their secrets", async (t) => {
  const { run } = await createInstallation(t);
  await run("migrate");
  await run("keyring", "rotate", "--active-in", "0");
  await run("keyring", "rotate", "--active-in", "3600");
  const people = (await run("keyring", "list")).stdout.trimEnd().split("\n");
  assert.match(people[0] ?? "", /^1 from the start$/);
  assert.match(people[1] ?? "", /^2 from \S+Z \(seals new links\)$/);
  assert.match(people[2] ?? "", /^3 from \S+Z$/);
  const keys = JSON.parse((await run("keyring", "list", "--json")).stdout);
  assert.deepEqual(
    keys.map(({ id, seals_new_links: seals }: Record<string, unknown>) => [id, seals]),
    [
      [1, false],
      [2, true],
      [3, false],
    ],
  );
  for (const key of keys) assert.deepEqual(Object.keys(key), ["id", "active_from", "seals_new_links"]);
  assert.equal(keys[0].active_from, null);
  assert.ok(Date.parse(keys[2].active_from) > Date.now());
});

test("what works on this machine alone prints JSON for programs, and everything else beside it", async (t) => {
  const { run, dataDir } = await createInstallation(t);
  const asJson = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await run(...args, "--json");
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return JSON.parse(stdout);
  };
  assert.deepEqual(await asJson("migrate"), { schema: "current" });
  const { settings, warnings, store, files, cname_target: target } = await asJson("check-config");
  assert.equal(settings.WAYPOST_DATA_DIR, dataDir);
  assert.ok(Array.isArray(warnings));
  assert.deepEqual(
    [store.ok, files.ok, target],
    [true, true, { ok: true, text: "localhost is this machine" }],
  );
  const { id, active_from: since } = await asJson("keyring", "rotate");
  assert.equal(id, 2);
  assert.ok(Date.parse(since) > Date.now());
  const parent = mkdtempSync(join(tmpdir(), "waypost-json-"));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  const folder = join(parent, "backup");
  const made = await asJson("backup", folder);
  assert.equal(made.folder, folder);
  assert.deepEqual([made.store, made.has_secret], ["sqlite", true]);
  assert.ok(made.files > 1 && made.bytes > 1000 && Date.parse(made.created_at) <= Date.now());
  const other = await createInstallation(t);
  const { code, stdout } = await other.run("restore", folder, "--json");
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), { data_dir: other.dataDir, created_at: made.created_at });
});

test("a command whose database is away says so in one line", async (t) => {
  const installation = await createInstallation(t, {
    WAYPOST_DATABASE_URL: "postgres://waypost:s3cret@127.0.0.1:9/waypost",
  });
  const { code, stderr } = await installation.run("migrate");
  assert.equal(code, 1);
  assert.match(stderr, /^PostgreSQL cannot be used: [^\n]*ECONNREFUSED[^\n]*\n$/);
  const checked = await installation.run("check-config");
  assert.equal(checked.code, 1);
  assert.match(checked.stdout, /^store: PostgreSQL cannot be used: .*ECONNREFUSED/m);
});
