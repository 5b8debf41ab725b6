import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { seal } from "../token/sealed.ts";
import {
  CERTIFICATE_KEY_PURPOSE,
  type PublishedCertificate,
  readCertificate,
  writeCertificate,
} from "./certificate-file.ts";

const SECRET = "a master secret that is long enough for tests";

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "waypost-certificates-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

function certificateOf(domain: string, digit: string): PublishedCertificate {
  const sealedKey = seal(Buffer.from(`key of ${domain}`), SECRET, CERTIFICATE_KEY_PURPOSE);
  return { domain, tag: digit.repeat(32), chainPem: `chain of ${domain}`, sealedKey };
}

test("a certificate is written beside those of all other names, and over none of them", async () => {
  await using folder = await temporaryFolder();
  // Where a name ends says nothing: .new is a domain like any other.
  const names = ["shop.example.new", "shop.example", "shop.example.new.new"];
  for (const [index, name] of names.entries()) {
    await writeCertificate(folder.path, certificateOf(name, String(index)));
  }
  for (const name of names) {
    assert.equal((await readCertificate(folder.path, name, SECRET)).chainPem, `chain of ${name}`);
  }
  assert.deepEqual((await readdir(folder.path)).toSorted(), names.toSorted());
});

test("the certificate of the longest name there can be is written and read", async () => {
  await using folder = await temporaryFolder();
  const name = [63, 63, 63, 61].map((length) => "a".repeat(length)).join(".");
  assert.equal(name.length, 253);
  await writeCertificate(folder.path, certificateOf(name, "a"));
  assert.equal((await readCertificate(folder.path, name, SECRET)).keyPem, `key of ${name}`);
});
