/** `waypost keys …` and `waypost subaccounts …` over a server's API. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { startOtherServer } from "./other-server.ts";
import { type Ran, runWith, startInstallation } from "./run-command.ts";
import { createInstallation, type Installation } from "./waypost-process.ts";
import { KEY } from "./wrapped-link.ts";

const ESCAPES = "\u001b]0;pwned\u0007\u001b[2J\u009b2J\u202e\u{e0001}";

/** As on a machine that has neither a store nor settings. */
const away = (installation: Installation, more: Readonly<Record<string, string>>) => {
  const environment = { PATH: installation.environment["PATH"] ?? "", XDG_CONFIG_HOME: "/nowhere", ...more };
  return (...args: readonly string[]): Promise<Ran> => runWith("", { ...installation, environment }, args);
};

const urlOf = ({ ports }: Installation): string => `http://127.0.0.1:${ports.api}`;

test("keys and subaccounts of a server are made, changed, listed and ended from another machine", async (t) => {
  const installation = await startInstallation(t);
  const at = away(installation, { WAYPOST_URL: urlOf(installation), WAYPOST_API_KEY: KEY });
  const run = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await at(...args);
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  assert.match(await run("subaccounts", "create", "Acme", "--privacy", "anonymous"), /Subaccount 1 \(Acme\)/);
  assert.match(await run("subaccounts", "list"), /1 +active +Acme +anonymous/);
  assert.match(await run("subaccounts", "rename", "1", "Acme Mail"), /Subaccount 1 is called Acme Mail/);
  const changed = await run("subaccounts", "set-privacy", "1", "off", "--json");
  assert.deepEqual(JSON.parse(changed), { id: 1, privacy: "off" });

  const key = (await run("keys", "create", "--label", "Shop", "--subaccount", "1")).trim();
  const shop = away(installation, { WAYPOST_URL: urlOf(installation), WAYPOST_API_KEY: key });
  assert.equal((await shop("domains", "list")).code, 0);
  const listed = JSON.parse(await run("keys", "list", "--json"));
  const { id, subaccount_id: owner } = listed.find(({ label }: { label: string }) => label === "Shop");
  assert.equal(owner, 1);
  assert.match(await run("keys", "list"), /Shop +1 +tracking_domains\/view,/);
  await run("subaccounts", "set-status", "1", "suspended");
  assert.match(await run("keys", "revoke", id), /is revoked/);
  assert.equal((await shop("domains", "list")).code, 1);
  for (const args of [
    ["keys", "revoke", id],
    ["subaccounts", "rename", "7", "Nobody"],
  ]) {
    const { code, stderr } = await at(...args);
    assert.equal(code, 1);
    assert.match(stderr, /resource not found/);
  }

  // On the server itself, in its store.
  const here = JSON.parse((await installation.run("subaccounts", "list", "--json")).stdout);
  assert.deepEqual(here, [{ id: 1, name: "Acme Mail", status: "suspended", privacy: "off" }]);
});

test("keys and subaccounts are a named server's, those of this machine's store where its settings are named, and never both", async (t) => {
  const installation = await createInstallation(t, { XDG_CONFIG_HOME: "/nowhere" });
  await installation.run("migrate");
  const home = join(installation.dataDir, "home");
  mkdirSync(join(home, "waypost"), { recursive: true });
  await using server = await startOtherServer(() => ({ status: 200, body: { results: [] } }));
  const profile = `WAYPOST_URL=${server.url}\nWAYPOST_API_KEY=x\n`;
  writeFileSync(join(home, "waypost", "shop.profile"), profile);
  const withDefault = join(installation.dataDir, "home-with-default");
  mkdirSync(join(withDefault, "waypost"), { recursive: true });
  writeFileSync(join(withDefault, "waypost", "default.profile"), profile);
  const config = { WAYPOST_CONFIG: join(installation.dataDir, "waypost.conf") };
  writeFileSync(config.WAYPOST_CONFIG, `WAYPOST_DATA_DIR=${installation.dataDir}\n`);
  const named = { WAYPOST_URL: server.url, WAYPOST_API_KEY: "x".repeat(32) };
  const settings = ["--data-dir", installation.dataDir];
  for (const [args, more, calls] of [
    [[], {}, 0],
    [["--url", server.url, "--key", "x"], {}, 1],
    [["--profile", "shop"], { XDG_CONFIG_HOME: home }, 1],
    [[], { XDG_CONFIG_HOME: home, WAYPOST_PROFILE: "shop" }, 1],
    [[], named, 1],
    [settings, named, 0],
    [[], { XDG_CONFIG_HOME: withDefault }, 1],
    [[], { XDG_CONFIG_HOME: withDefault, ...config }, 0],
    [[], { ...named, ...config }, 0],
    [["--url", server.url, "--key", "x"], config, 1],
  ] as const) {
    for (const list of ["keys", "subaccounts"]) {
      const before = server.requests.length;
      const { code, stdout, stderr } = await runWith("", installation, [list, "list", ...args], more);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /No (keys|subaccounts) yet/);
      assert.equal(server.requests.length - before, calls, `${args.join(" ")} ${JSON.stringify(more)}`);
    }
  }
  const both = await installation.run("keys", "list", "--url", server.url, "--key", "x", ...settings);
  assert.equal(both.code, 1);
  assert.match(both.stderr, /use one or the other/);
});

test("a change of keys or subaccounts over a server says which server it was", async (t) => {
  const { run } = await createInstallation(t);
  await using server = await startOtherServer(() => ({
    status: 200,
    body: { results: { id: "1", label: "x", key: "k", subaccount_id: 1 } },
  }));
  for (const args of [
    ["keys", "create", "--label", "x"],
    ["keys", "revoke", "1", "--json"],
    ["subaccounts", "create", "Acme"],
    ["subaccounts", "rename", "1", "Acme Mail"],
  ]) {
    const { code, stderr } = await run(...args, "--url", server.url, "--key", "x");
    assert.deepEqual([code, stderr.split("\n")[0]], [0, `On ${server.url}:`], args.join(" "));
  }
});

test("what a server says of keys and subaccounts reaches no terminal as control codes", async (t) => {
  const { run } = await createInstallation(t);
  const hostile = [
    { id: `1${ESCAPES}`, name: ESCAPES, status: ESCAPES, privacy: ESCAPES, label: ESCAPES },
    { short_key: { toString: 1 }, grants: [ESCAPES, { toString: 1 }], valid_ips: ESCAPES },
    "nothing",
  ];
  await using server = await startOtherServer(({ method }) => ({
    status: 200,
    body: {
      results: method === "GET" ? hostile : { ...Object(hostile[0]), key: ESCAPES, subaccount_id: ESCAPES },
    },
  }));
  for (const args of [
    ["keys", "list"],
    ["keys", "create", "--label", "x"],
    ["keys", "revoke", `1${ESCAPES}`],
    ["subaccounts", "list"],
    ["subaccounts", "create", ESCAPES],
    ["subaccounts", "rename", "1", ESCAPES],
  ]) {
    for (const json of [[], ["--json"]]) {
      const { code, stdout, stderr } = await run(...args, ...json, "--url", server.url, "--key", "x");
      assert.equal(code, 0, stderr);
      const shown = `${stdout}${stderr}`.replaceAll("\n", "");
      assert.doesNotMatch(shown, /[\p{Cc}\p{Cf}]/u, [...args, ...json].join(" "));
    }
  }
  const { stdout } = await run("keys", "list", "--json", "--url", server.url, "--key", "x");
  assert.deepEqual(JSON.parse(stdout), hostile);
});

test("a key that cannot make another one is told what that may take", async (t) => {
  const installation = await startInstallation(t);
  const wrapOnly = await installation.run(
    "keys",
    "create",
    "--label",
    "App",
    "--grants",
    "messages/wrap,keys/manage",
  );
  const app = away(installation, {
    WAYPOST_URL: urlOf(installation),
    WAYPOST_API_KEY: wrapOnly.stdout.trim(),
  });
  const { code, stderr } = await app("keys", "create", "--label", "More");
  assert.equal(code, 1);
  assert.match(stderr, /^Forbidden\..*\n.*may need .*keys\/manage.*--grants\n$/);
  assert.equal((await app("keys", "create", "--label", "As much", "--grants", "messages/wrap")).code, 0);
});
