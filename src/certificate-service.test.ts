import assert from "node:assert/strict";
import { mkdtemp, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { hasNewCertificate } from "./certificate-service.ts";
import { parseHostname } from "./domain/hostname.ts";
import { writeCertificate } from "./edge/certificate-file.ts";

const DOMAIN = parseHostname("click.acme.com");
const TAG = "a".repeat(32);

async function setUp(t: TestContext) {
  const certificateFolder = await mkdtemp(join(tmpdir(), "waypost-certificates-"));
  t.after(() => rm(certificateFolder, { recursive: true }));
  const stored = (tag: string) => ({ domain: DOMAIN, tag, chainPem: "chain", sealedKey: "key" });
  return {
    publish: () => writeCertificate(certificateFolder, stored(TAG)),
    age: (ms: number) => {
      const written = new Date(Date.now() - ms);
      return utimes(join(certificateFolder, DOMAIN), written, written);
    },
    isNew: (...tags: readonly string[]) =>
      hasNewCertificate(DOMAIN, {
        certificates: { material: async () => tags.map(stored) },
        certificateFolder,
      }),
  };
}

test("a certificate is new from its storing until seconds after it was published", async (t) => {
  const { publish, age, isNew } = await setUp(t);
  assert.equal(await isNew(TAG), true);
  await publish();
  assert.equal(await isNew(TAG), true);
  await age(1000);
  assert.equal(await isNew(TAG), true);
  await age(20_000);
  assert.equal(await isNew(TAG), false);
});

test("one that takes the place of another is new, however old the other is", async (t) => {
  const { publish, age, isNew } = await setUp(t);
  await publish();
  await age(3_600_000);
  assert.equal(await isNew("b".repeat(32)), true);
});

test("a domain without a certificate has no new one, and a clock that was set back makes none new", async (t) => {
  const { publish, age, isNew } = await setUp(t);
  assert.equal(await isNew(), false);
  await publish();
  await age(-3_600_000);
  assert.equal(await isNew(TAG), false);
});
