import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { type Browser, chromium } from "playwright-core";

import { findCertutil } from "../../scripts/certutil.ts";
import { findChromium } from "../../scripts/chromium.ts";
import type { HostEntry } from "../../src/edge/snapshot.ts";
import { createAuthority } from "../edge/authority.ts";
import { createInstallation, type Installation } from "../edge/installation.ts";
import { openssl } from "../edge/tls-client.ts";

const authority = createAuthority();
const names = Array.from({ length: 1000 }, (_, i) => `click.customer${i}.example`);
const AT_A_TIME = 6;

let installation: Installation;
let port: number;

before(async () => {
  installation = await createInstallation({ publish: false });
  const hosts = new Map<string, HostEntry>();
  for (const host of names) hosts.set(host, await installation.certify(host, authority.issue(host)));
  await installation.publish(1, hosts);
  // Fewer than there are names: each is read, makes room, and is read again.
  const worker = await installation.startWorker({ tls: { ...installation.tls, maxContexts: 300 } });
  port = worker.tlsAddress?.port ?? 0;
});
after(() => installation[Symbol.asyncDispose]());

test("openssl sees the right chain for each of 1,000 names", { timeout: 300_000 }, async () => {
  const caFile = join(installation.dataDir, "root.pem");
  await writeFile(caFile, authority.rootPem);
  await inTurns(async (name) => {
    const args = ["-servername", name, "-verify_hostname", name, "-verify_return_error", "-CAfile", caFile];
    const { said, code } = await openssl(port, [...args, "-showcerts"]);
    assert.equal(code, 0, said);
    assert.ok(said.includes(`Verified peername: ${name}\n`), said);
    assert.equal(said.match(/-----BEGIN CERTIFICATE-----/g)?.length, 2, name);
  });
});

test("Chromium sees the right chain for each of 1,000 names", { timeout: 300_000 }, async (t) => {
  await using browser = await launchTrusting();
  const page = await browser.newPage();
  const seen = new Map<string, { readonly sanList: readonly string[]; readonly issuer: string }>();
  const protocol = await page.context().newCDPSession(page);
  protocol.on("Network.responseReceived", ({ response: { url, securityState, securityDetails } }) => {
    if (securityState !== "secure" || securityDetails === undefined) return;
    const { sanList, issuer } = securityDetails;
    seen.set(new URL(url).hostname, { sanList, issuer });
  });
  await protocol.send("Network.enable");
  await page.goto(`https://${names[0]}:${port}/robots.txt`);
  await inTurns((name) =>
    page.evaluate((url) => fetch(url, { mode: "no-cors" }), `https://${name}:${port}/robots.txt`),
  );
  // The protocol's events may come after what the page returns.
  await t.waitFor(() => assert.equal(seen.size, names.length), { timeout: 60_000 });
  for (const name of names)
    assert.deepEqual(seen.get(name), { sanList: [name], issuer: "Test intermediate" }, name);
});

async function inTurns(work: (name: string) => Promise<unknown>): Promise<void> {
  const waiting = names.values();
  await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      for (const name of waiting) await work(name);
    }),
  );
}

/** Trusts the root as a user would have it trusted, and finds all names on this machine. */
async function launchTrusting(): Promise<Browser> {
  const home = join(installation.dataDir, "home");
  const database = join(home, ".pki", "nssdb");
  const rootFile = join(installation.dataDir, "root-for-browser.pem");
  await mkdir(database, { recursive: true });
  await writeFile(rootFile, authority.rootPem);
  const certutil = (...args: string[]): unknown =>
    execFileSync(findCertutil(), [...args, "-d", `sql:${database}`], { stdio: "ignore" });
  certutil("-N", "--empty-password");
  certutil("-A", "-n", "test root", "-t", "C,,", "-i", rootFile);
  return chromium.launch({
    executablePath: findChromium(),
    env: { ...process.env, HOME: home },
    args: ["--no-sandbox", "--host-resolver-rules=MAP * 127.0.0.1", "--disable-gpu"],
  });
}
