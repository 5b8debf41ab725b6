import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import fc from "fast-check";

import { createKeyRing, sealKeyRing } from "../token/key-ring.ts";
import { type HostEntry, servesTenant } from "./snapshot.ts";
import { type PublishedSnapshot, readSnapshot, writeSnapshot } from "./snapshot-file.ts";
import { followSnapshot } from "./snapshot-follower.ts";
import { startSnapshotPublisher } from "./snapshot-publisher.ts";

const SECRET = "a master secret that is long enough for tests";
const RING = createKeyRing();
const WAIT = { interval: 5, timeout: 60_000 };
const HOSTS: readonly (readonly [string, HostEntry])[] = [
  ["click.acme.com", { owners: [5], blocked: false }],
  ["former.acme.com", { owners: [7, 5, 0], blocked: true }],
];

function published(version: number, hosts = new Map(HOSTS)): PublishedSnapshot {
  return { version, hosts, sealedKeys: sealKeyRing(RING, SECRET) };
}

async function temporaryFile(): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtemp(join(tmpdir(), "waypost-snapshot-"));
  return { path: join(folder, "snapshot"), [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

test("a snapshot is read as it was published, and only its owner can read the file", async () => {
  await using file = await temporaryFile();
  await writeSnapshot(file.path, published(42));
  const read = await readSnapshot(file.path, SECRET);
  assert.ok(read.ok);
  assert.equal(read.snapshot.version, 42);
  assert.equal(read.snapshot.hosts.size, HOSTS.length);
  for (const [host, entry] of HOSTS) assert.deepEqual(read.snapshot.hosts.get(host), entry);
  assert.deepEqual(read.snapshot.keys.probeKey, RING.probeKey);
  assert.equal((await stat(file.path)).mode & 0o777, 0o600);
});

test("an installation without any domain has a snapshot too", async () => {
  await using file = await temporaryFile();
  await writeSnapshot(file.path, published(0, new Map()));
  const read = await readSnapshot(file.path, SECRET);
  assert.ok(read.ok && read.snapshot.hosts.size === 0);
});

test("no key stands in the file in clear", async () => {
  await using file = await temporaryFile();
  await writeSnapshot(file.path, published(1));
  const text = await readFile(file.path, "latin1");
  for (const encoding of ["base64url", "base64", "hex", "latin1"] as const) {
    assert.ok(!text.includes(RING.current.secret.toString(encoding)));
  }
});

test("a snapshot that is missing, unreadable or sealed with another secret says so", async () => {
  await using file = await temporaryFile();
  assert.deepEqual(await readSnapshot(file.path, SECRET), { ok: false, problem: "missing" });
  assert.deepEqual(await readSnapshot(tmpdir(), SECRET), { ok: false, problem: "unreadable" });
  await writeSnapshot(file.path, published(1));
  assert.deepEqual(await readSnapshot(file.path, "another"), { ok: false, problem: "wrong_secret" });
});

test("a file with any byte changed or cut off is damaged, never a wrong snapshot", async () => {
  await using file = await temporaryFile();
  await writeSnapshot(file.path, published(1));
  const good = await readFile(file.path);
  const change = fc.record({
    at: fc.nat(good.length - 1),
    by: fc.integer({ min: 1, max: 255 }),
    cut: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(change, async ({ at, by, cut }) => {
      const bad = Buffer.from(cut ? good.subarray(0, at) : good);
      if (!cut) bad[at] = (bad[at] ?? 0) ^ by;
      await writeFile(file.path, bad);
      assert.deepEqual(await readSnapshot(file.path, SECRET), { ok: false, problem: "damaged" });
    }),
  );
});

test("a host name that would break the file is refused when it is published", async () => {
  await using file = await temporaryFile();
  const hosts = new Map([["click.acme.com\tx", { owners: [5], blocked: false }]]);
  await assert.rejects(writeSnapshot(file.path, published(1, hosts)));
});

test("hosts that nobody owns serve every tenant, others their owners, the primary account's all", () => {
  assert.equal(servesTenant(undefined, 5), true);
  assert.equal(servesTenant({ owners: [7, 5], blocked: false }, 5), true);
  assert.equal(servesTenant({ owners: [0], blocked: false }, 5), true);
  assert.equal(servesTenant({ owners: [7], blocked: false }, 5), false);
  assert.equal(servesTenant({ owners: [7], blocked: false }, 0), false);
});

test("a follower has the new snapshot soon after it is published, and keeps it when the next one is bad", async (t) => {
  await using file = await temporaryFile();
  const problems: string[] = [];
  const follower = await followSnapshot({
    path: file.path,
    masterSecret: SECRET,
    pollMs: 10,
    onLoaded: () => undefined,
    onProblem: (problem) => problems.push(problem),
  });
  t.after(follower.stop);
  assert.equal(follower.current(), undefined);
  assert.deepEqual(problems, ["missing"]);
  for (const version of [1, 2, 3]) {
    await writeSnapshot(file.path, published(version));
    await t.waitFor(() => assert.equal(follower.current()?.version, version), WAIT);
  }
  await writeFile(file.path, "rubbish");
  await t.waitFor(() => assert.equal(problems.at(-1), "damaged"), WAIT);
  await chmod(file.path, 0o600);
  await rm(file.path);
  await t.waitFor(() => assert.equal(problems.at(-1), "missing"), WAIT);
  assert.equal(follower.current()?.version, 3);
});

for (const [what, harm] of [
  ["is damaged", (path: string) => writeFile(path, "rubbish")],
  ["is gone", (path: string) => rm(path)],
] as const) {
  test(`a snapshot that ${what} is written again, though nothing has changed`, async (t) => {
    await using file = await temporaryFile();
    const hosts = HOSTS.map(([domain, entry]) => ({ domain, ...entry }));
    const sealedKeys = sealKeyRing(RING, SECRET);
    const publisher = await startSnapshotPublisher({
      source: {
        stateVersion: async () => 7,
        changedHosts: async (since) => ({ version: 7, hosts: since === 7 ? [] : hosts }),
        certificates: async () => [],
        sealedKeyRing: async () => sealedKeys,
        acmeThumbprint: async () => undefined,
      },
      path: file.path,
      certificateFolder: `${file.path}-certificates`,
      log: { warn: (fields) => assert.fail(JSON.stringify(fields)) },
      intervalMs: 5,
    });
    await harm(file.path);
    const isWritten = async (): Promise<void> => {
      const read = await readSnapshot(file.path, SECRET);
      assert.equal(read.ok && read.snapshot.hosts.size, HOSTS.length);
    };
    await t.waitFor(isWritten, WAIT).finally(() => publisher.stop());
  });
}

test("a follower's snapshot stays right while later ones are read into the memory of earlier ones", async (t) => {
  await using file = await temporaryFile();
  const hostsOf = (version: number) =>
    new Map(
      Array.from({ length: 50 * version }, (_, index) => [
        `click-${index}.v${version}.example.com`,
        { owners: [version], blocked: false },
      ]),
    );
  const follower = await followSnapshot({
    path: file.path,
    masterSecret: SECRET,
    pollMs: 5,
    onLoaded: () => undefined,
    onProblem: () => undefined,
  });
  t.after(follower.stop);
  // Larger and smaller than before: memory is used again where it is large enough.
  for (const version of [3, 4, 2, 8, 1, 5]) {
    await writeSnapshot(file.path, published(version, hostsOf(version)));
    await t.waitFor(() => assert.equal(follower.current()?.version, version), WAIT);
    await writeFile(file.path, "rubbish");
    await t.waitFor(async () => {
      const hosts = follower.current()?.hosts;
      assert.equal(hosts?.size, 50 * version);
      for (const [host, entry] of hostsOf(version)) assert.deepEqual(hosts?.get(host), entry);
      assert.equal(hosts?.get(`click-0.v${version + 1}.example.com`), undefined);
    }, WAIT);
  }
});

test("a hundred thousand domains load without holding up the event loop", async () => {
  await using file = await temporaryFile();
  const entries = [0, 1, 2].map((owner): HostEntry => ({ owners: [owner], blocked: false }));
  const hosts = new Map(
    Array.from(
      { length: 100_000 },
      (_, index) => [`click.customer-${index}.example.com`, entries[index % 3]!] as const,
    ),
  );
  await writeSnapshot(file.path, published(1, hosts));
  let turns = 0;
  let loading = true;
  const count = (): void => {
    turns += 1;
    if (loading) setImmediate(count);
  };
  setImmediate(count);
  const read = await readSnapshot(file.path, SECRET);
  loading = false;
  assert.ok(read.ok);
  assert.equal(read.snapshot.hosts.size, 100_000);
  assert.deepEqual(read.snapshot.hosts.get("click.customer-99998.example.com"), {
    owners: [2],
    blocked: false,
  });
  assert.ok(turns >= 20);
});
