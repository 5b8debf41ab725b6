import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { createTestDatabase } from "../postgres.ts";
import { inTerminal } from "./run-command.ts";
import { createInstallation, type Installation, type WaypostProcess } from "./waypost-process.ts";
import { KEY, until, wrappedLink } from "./wrapped-link.ts";

const SECRET = "e2e-secret-that-is-long-enough-for-us";
const CONFIGURED = { WAYPOST_API_KEY: KEY, WAYPOST_SECRET: SECRET };

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "waypost-backup-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function databaseSettings(
  t: TestContext,
  database: "SQLite" | "PostgreSQL",
): Promise<Record<string, string>> {
  if (database === "SQLite") return {};
  const { url, drop } = await createTestDatabase();
  t.after(drop);
  return { WAYPOST_DATABASE_URL: url };
}

async function eventIds(waypost: WaypostProcess, messageId: string): Promise<readonly string[]> {
  const ids: string[] = [];
  let path: string | undefined = `/api/v1/events/message?messages=${messageId}&per_page=10000`;
  while (path !== undefined) {
    const { json } = await waypost.call("GET", path, { key: KEY });
    ids.push(...json.results.map(({ event_id }: { event_id: string }) => event_id));
    path = json.links.next;
  }
  return ids;
}

function stopControl(waypost: WaypostProcess): void {
  const control = waypost.controlProcess();
  assert.ok(control !== undefined);
  process.kill(control, "SIGSTOP");
}

/** Clicks until told to stop, and counts those answered. */
function clickOn(waypost: WaypostProcess, link: string) {
  const clicks = { answered: 0, isOver: false };
  const done = (async () => {
    while (!clicks.isOver) if ((await waypost.visit(link)).status === 302) clicks.answered += 1;
  })();
  return { clicks, done };
}

for (const database of ["SQLite", "PostgreSQL"] as const) {
  test(`a backup made under load answers every link and has every event once, on another machine (${database})`, async (t) => {
    const folder = join(temporaryFolder(t), "monday");
    const original = await createInstallation(t, { ...CONFIGURED, ...(await databaseSettings(t, database)) });
    const waypost = await original.serve();
    const { link, messageId } = await wrappedLink(waypost);
    const { clicks, done } = clickOn(waypost, link);
    await until(async () => clicks.answered > 200, "there is load");
    const before = clicks.answered;
    const made = await original.run("backup", folder);
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /secret is NOT in it/);
    clicks.isOver = true;
    await done;
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.ok(!existsSync(join(folder, "secret")));

    const other = await createInstallation(t, { ...CONFIGURED, ...(await databaseSettings(t, database)) });
    const restored = await other.run("restore", folder);
    assert.equal(restored.code, 0, restored.stderr);
    const elsewhere = await other.serve();
    assert.equal((await elsewhere.visit(link)).status, 302);
    // The original has all that the backup has, once it has stored what was in its spool; the click made here it has not.
    const isComplete = async () => {
      const known = new Set(await eventIds(waypost, messageId));
      const ids = await eventIds(elsewhere, messageId);
      return ids.length > before && ids.filter((id) => !known.has(id)).length === 1;
    };
    await until(isComplete, "what was clicked before is there, and the click since");
    const ids = await eventIds(elsewhere, messageId);
    assert.equal(new Set(ids).size, ids.length);
    const again = await other.run("restore", folder);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /already running/);
  });
}

test("the events of a spool that nobody has emptied are in the backup", async (t) => {
  const folder = join(temporaryFolder(t), "spool");
  const database = await createTestDatabase();
  t.after(() => database.drop());
  const settings = { ...CONFIGURED, WAYPOST_DATABASE_URL: database.url };
  const original = await createInstallation(t, settings);
  const waypost = await original.serve();
  const { link, messageId } = await wrappedLink(waypost);
  // Without its control process nothing leaves the spool.
  stopControl(waypost);
  for (let clicks = 0; clicks < 10; clicks += 1) assert.equal((await waypost.visit(link)).status, 302);
  const made = await original.run("backup", folder);
  assert.equal(made.code, 0, made.stderr);
  await waypost.killAll();

  const fresh = await createTestDatabase();
  t.after(() => fresh.drop());
  const other = await createInstallation(t, { ...CONFIGURED, WAYPOST_DATABASE_URL: fresh.url });
  assert.equal((await other.run("restore", folder)).code, 0);
  const elsewhere = await other.serve();
  await until(
    async () => (await eventIds(elsewhere, messageId)).length === 10,
    "the spool's events are stored",
  );
});

test("the spool of a machine is backed up alone while the database is away, and stored by the machine that it is restored on", async (t) => {
  const folder = join(temporaryFolder(t), "spool");
  const database = await createTestDatabase();
  t.after(() => database.drop());
  const settings = { ...CONFIGURED, WAYPOST_DATABASE_URL: database.url };
  const edge = await createInstallation(t, settings);
  const waypost = await edge.serve();
  const { link, messageId } = await wrappedLink(waypost);
  stopControl(waypost);
  for (let clicks = 0; clicks < 10; clicks += 1) assert.equal((await waypost.visit(link)).status, 302);
  const away = "postgres://nobody@127.0.0.1:9/nothing";
  const made = await edge.run("backup", folder, "--spool-only", "--database-url", away);
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /spool alone/);
  const elsewhere = ["--spool-only", "--data-dir", join(folder, "nothing")];
  const nothing = await edge.run("backup", `${folder}-of-nothing`, ...elsewhere);
  assert.deepEqual([nothing.code, existsSync(`${folder}-of-nothing`)], [1, false]);
  assert.match(nothing.stderr, /no spool in .*nothing/);
  mkdirSync(join(edge.dataDir, "spool", "999"));
  writeFileSync(join(edge.dataDir, "spool", "999", "data.mdb"), "what a disk made of it".repeat(1000));
  const partial = await edge.run("backup", `${folder}-partial`, "--spool-only");
  assert.deepEqual([partial.code, existsSync(`${folder}-partial`)], [1, true]);
  assert.match(partial.stderr, /slot 999 is damaged/);
  await waypost.killAll();

  const other = await createInstallation(t, settings);
  const alone = await createInstallation(t, CONFIGURED);
  assert.match((await alone.run("restore", folder)).stderr, /set WAYPOST_DATABASE_URL/);
  const restored = await other.run("restore", folder);
  assert.equal(restored.code, 0, restored.stderr);
  const there = await other.serve();
  await until(async () => (await eventIds(there, messageId)).length === 10, "the spool's events are stored");
});

async function madeBackup(t: TestContext): Promise<{ folder: string; original: Installation }> {
  const folder = join(temporaryFolder(t), "backup");
  const original = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const waypost = await original.serve();
  await waypost.stop();
  const { code, stdout } = await original.run("backup", folder);
  assert.equal(code, 0);
  assert.match(stdout, /master secret is in it/);
  return { folder, original };
}

test("a backup has the secret that Waypost made for itself, unless told otherwise, and restores with it", async (t) => {
  const { folder, original } = await madeBackup(t);
  assert.equal(
    readFileSync(join(folder, "secret"), "utf8"),
    readFileSync(join(original.dataDir, "secret"), "utf8"),
  );
  assert.equal(statSync(join(folder, "secret")).mode & 0o777, 0o600);
  const other = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  assert.equal((await other.run("restore", folder)).code, 0);
  const waypost = await other.serve();
  assert.equal((await waypost.call("GET", "/api/v1/tracking-domains", { key: KEY })).status, 200);

  const without = `${folder}-without`;
  assert.equal((await original.run("backup", without, "--without-secret")).code, 0);
  assert.ok(!existsSync(join(without, "secret")));
  const third = await createInstallation(t);
  const refused = await third.run("restore", without);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /holds no secret/);
});

test("restore takes no wrong secret, nothing damaged, nothing unfinished, and overwrites nothing", async (t) => {
  const { folder, original } = await madeBackup(t);
  const refuse = async (installation: Installation, pattern: RegExp, ...args: readonly string[]) => {
    const contents = () =>
      readdirSync(installation.dataDir)
        .filter((name) => !name.startsWith("supervisor.lock"))
        .sort();
    const before = contents();
    const { code, stderr } = await installation.run("restore", folder, ...args);
    assert.equal(code, 1);
    assert.match(stderr, pattern);
    assert.deepEqual(contents(), before);
  };
  await refuse(original, /is not empty/);
  const other = await createInstallation(t);
  await refuse(other, /WAYPOST_SECRET/, "--secret", "another-secret-that-is-long-enough-for-us");
  const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
  const write = (changed: object) =>
    writeFileSync(join(folder, "manifest.json"), JSON.stringify({ ...manifest, ...changed }));
  write({ format: 2 });
  await refuse(other, /newer version/);
  write({ files: [{ path: "../secret", bytes: 1, sha256: "" }] });
  await refuse(other, /is not a manifest/);
  write({ store: "postgres" });
  await refuse(other, /PostgreSQL/);
  write({});
  appendFileSync(join(folder, "state.db"), "x");
  await refuse(other, /state\.db is not what was backed up/);
  rmSync(join(folder, "manifest.json"));
  await refuse(other, /is no backup/);
});

test("a backup never overwrites, and one that has no room leaves nothing behind", async (t) => {
  const { folder, original } = await madeBackup(t);
  const twice = await original.run("backup", folder);
  assert.equal(twice.code, 1);
  assert.match(twice.stderr, /is there already/);

  const small = temporaryFolder(t);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", small]);
  if (mounted.status !== 0) {
    t.diagnostic("no tmpfs may be mounted here: the full disk was not tried");
    return;
  }
  try {
    const { code, stderr } = await original.run("backup", join(small, "backup"));
    assert.equal(code, 1);
    assert.match(stderr, /no room for the backup/);
    assert.deepEqual(readdirSync(small), []);
  } finally {
    spawnSync("umount", [small]);
  }
});

test("a backup where there is no store, or into a folder that is not there, says so and makes nothing", async (t) => {
  const installation = await createInstallation(t, {});
  const nowhere = await installation.run("backup", join(temporaryFolder(t), "monday"));
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.stderr, /There is no store in .*: is that the right WAYPOST_DATA_DIR\?/);
  assert.doesNotMatch(nowhere.stderr, /\n\s+at /);
  assert.deepEqual(readdirSync(installation.dataDir), []);

  const { original } = await madeBackup(t);
  const { code, stderr } = await original.run("backup", join(temporaryFolder(t), "not", "there"));
  assert.equal(code, 1);
  assert.match(stderr, /not is not there: make it first/);
});

test("on a terminal a backup and its restore show how far the checksums are", async (t) => {
  const folder = join(temporaryFolder(t), "shown");
  const settings = { ...CONFIGURED, FOLDER: folder };
  const original = await createInstallation(t, settings);
  await (await original.serve()).stop();
  const other = await createInstallation(t, settings);
  for (const [installation, command] of [
    [original, 'waypost backup "$FOLDER"'],
    [other, 'waypost restore "$FOLDER"'],
  ] as const) {
    const { code, stdout } = await inTerminal(60, installation, command);
    assert.equal(code, 0, stdout);
    const [, read, total] = [...stdout.matchAll(/\[#+\] 100 % {2}([\d.]+) of ([\d.]+) MB/g)].at(-1) ?? [];
    assert.ok(Number(total) > 0 && read === total, stdout);
  }
});
