/** `waypost import …`: where it is run twice, is interrupted, or meets what is there already. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { inTerminal, startInstallation } from "./run-command.ts";
import { CLI, createInstallation } from "./waypost-process.ts";
import { KEY } from "./wrapped-link.ts";

test("an import goes on to its end when nobody reads how far it is", async (t) => {
  const installation = await startInstallation(t);
  const file = join(installation.dataDir, "domains.json");
  const names = Array.from({ length: 30 }, (_, index) => ({ domain: `d${index}.example` }));
  writeFileSync(file, JSON.stringify({ results: names }));
  const command = `"${process.execPath}" "${CLI}" import sparkpost --file "${file}" 2>&1 | head -n 1`;
  const child = spawn("bash", ["-o", "pipefail", "-c", command], {
    env: installation.environment,
    stdio: "ignore",
  });
  const [code] = await once(child, "close");
  assert.equal(code, 0);
  const list = JSON.parse((await installation.run("domains", "list", "--json")).stdout);
  assert.equal(list.length, names.length);
});

test("on a terminal of 60 columns an import shows a bar that ends full", async (t) => {
  const installation = await startInstallation(t);
  const names = Array.from({ length: 30 }, (_, index) => ({ domain: `d${index}.example` }));
  writeFileSync(join(installation.dataDir, "domains.json"), JSON.stringify({ results: names }));
  const command = 'waypost import sparkpost --file "$WAYPOST_DATA_DIR/domains.json"';
  const { code, stdout } = await inTerminal(60, installation, command);
  assert.equal(code, 0, stdout);
  const bars = [...stdout.matchAll(/\[(#* *)\] +(\d+) % +(\d+) of 30/g)];
  assert.ok(bars.every(([bar]) => bar.length <= 60));
  assert.deepEqual(bars.at(-1)?.slice(2), ["100", "30"]);
});

test("an import says which of its domains are somebody else's here, and fails", async (t) => {
  const installation = await startInstallation(t);
  const { run } = installation;
  await run("subaccounts", "create", "Shop");
  await run("domains", "add", "ours.example");
  await run("domains", "add", "shop.example", "--subaccount", "1");
  const file = join(installation.dataDir, "domains.json");
  const content = {
    results: [
      { domain: "ours.example", subaccount_id: 101 },
      { domain: "shop.example" },
      { domain: "new.example", subaccount_id: 102 },
    ],
    subaccounts: [
      { id: 101, name: "Shop" },
      { id: 102, name: "New" },
    ],
  };
  writeFileSync(file, JSON.stringify(content));
  for (const more of [["--dry-run"], []]) {
    const { code, stdout, stderr } = await run("import", "sparkpost", "--file", file, ...more);
    assert.equal(code, 1, stderr);
    assert.match(stdout, /^ours\.example: is the primary account's here$/m);
    assert.match(stdout, /^shop\.example: is subaccount 1's here$/m);
    assert.match(stdout, /new\.example .*created/);
    assert.doesNotMatch(stdout, /there already/);
  }
});

test("an import says how each default is made one again, a subaccount's too", async (t) => {
  const installation = await startInstallation(t);
  const file = join(installation.dataDir, "domains.json");
  const results = [
    { domain: "ours.example", default: true },
    { domain: "shop.example", default: true, subaccount_id: 102 },
    { domain: "other.example", subaccount_id: 102 },
  ];
  writeFileSync(file, JSON.stringify({ results, subaccounts: [{ id: 102, name: "Shop" }] }));
  const { code, stdout, stderr } = await installation.run("import", "sparkpost", "--file", file);
  assert.equal(code, 0, stderr);
  assert.deepEqual(stdout.match(/waypost domains default .*/g), [
    "waypost domains default ours.example",
    "waypost domains default shop.example --subaccount 1",
  ]);
});

test("a dry run of an import shows the DNS changes and names that are none, and makes nothing", async (t) => {
  const target = { WAYPOST_API_KEY: KEY, WAYPOST_CNAME_TARGET: "edge.waypost.example" };
  const installation = await createInstallation(t, target);
  await installation.serve();
  const file = join(installation.dataDir, "domains.json");
  const dryRun = (...domains: readonly string[]) => {
    writeFileSync(file, JSON.stringify(domains.map((domain) => ({ domain }))));
    return installation.run("import", "sparkpost", "--file", file, "--dry-run");
  };
  const dry = await dryRun("new.example");
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /new\.example +would be created/);
  assert.match(dry.stdout, /new\.example +CNAME +edge\.waypost\.example/);
  const wrong = await dryRun("new.example", "a name");
  assert.equal(wrong.code, 1);
  assert.match(wrong.stdout, /^a name: .*invalid characters or spaces for domain: 'a name'$/m);
  assert.deepEqual(JSON.parse((await installation.run("domains", "list", "--json")).stdout), []);
});

test("while there is no CNAME target nobody is told to create a record that leads to their own machine", async (t) => {
  const { run, dataDir } = await startInstallation(t);
  const added = await run("domains", "add", "click.acme.com");
  assert.equal(added.code, 0, added.stderr);
  assert.match(added.stdout, /no public name yet .* has to set WAYPOST_CNAME_TARGET/);
  assert.ok(!/Value/.test(added.stdout));
  const file = join(dataDir, "domains.json");
  writeFileSync(file, JSON.stringify([{ domain: "new.example" }]));
  const imported = await run("import", "sparkpost", "--file", file);
  assert.match(imported.stdout, /new\.example +created\n.*has to set WAYPOST_CNAME_TARGET/s);
  const checked = await run("domains", "verify", "click.acme.com");
  assert.equal(checked.code, 1);
  assert.match(`${checked.stdout}${checked.stderr}`, /has to set WAYPOST_CNAME_TARGET/);
});
