/** Which server commands talk to, with which key, and whose certificate they trust. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { issueCertificate } from "../verification/certificates.ts";
import { type OtherServer, startOtherServer } from "./other-server.ts";
import { type Ran, runWith } from "./run-command.ts";
import { createInstallation } from "./waypost-process.ts";
import { KEY } from "./wrapped-link.ts";

const LIST = ["domains", "list"];

/** A person's machine without a server, with a folder for profiles. */
async function startAway(t: TestContext) {
  const installation = await createInstallation(t);
  const home = join(installation.dataDir, "home");
  mkdirSync(join(home, "waypost"), { recursive: true });
  const environment = { PATH: installation.environment["PATH"] ?? "", XDG_CONFIG_HOME: home };
  const run = (args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ran> =>
    runWith("", { ...installation, environment }, [...LIST, ...args], more);
  const writeProfile = (name: string, lines: readonly string[]): void =>
    writeFileSync(join(home, "waypost", `${name}.profile`), lines.join("\n"), { mode: 0o600 });
  return { run, writeProfile };
}

const startEmpty = (): Promise<OtherServer> =>
  startOtherServer(() => ({ status: 200, body: { results: [] } }));

test("flags, a profile asked for, the environment and the default profile name a server, in that order", async (t) => {
  const { run, writeProfile } = await startAway(t);
  await using byFlag = await startEmpty();
  await using byProfile = await startEmpty();
  await using byEnvironment = await startEmpty();
  await using byDefault = await startEmpty();
  assert.match((await run([])).stderr, /No server is named/);
  writeProfile("shop", [`WAYPOST_URL=${byProfile.url}`, "WAYPOST_API_KEY=shop"]);
  writeProfile("default", [`WAYPOST_URL=${byDefault.url}`, "WAYPOST_API_KEY=default"]);
  const environment = { WAYPOST_URL: byEnvironment.url, WAYPOST_API_KEY: "environment" };
  const flags = ["--url", byFlag.url, "--key", "flag"];
  for (const [args, more] of [
    [[...flags, "--profile", "shop"], environment],
    [["--profile", "shop"], environment],
    [["--profile", "shop", "--key", "other"], environment],
    [[], { ...environment, WAYPOST_PROFILE: "shop" }],
    [[], { WAYPOST_PROFILE: "shop" }],
    [[], {}],
    [[], { WAYPOST_API_KEY: "for the server of this machine" }],
  ] as const) {
    const { code, stderr } = await run(args, more);
    assert.equal(code, 0, stderr);
  }
  const keysAt = ({ requests }: OtherServer) => requests.map(({ key }) => key);
  assert.deepEqual(keysAt(byFlag), ["flag"]);
  assert.deepEqual(keysAt(byProfile), ["shop", "other", "shop"]);
  assert.deepEqual(keysAt(byEnvironment), ["environment"]);
  assert.deepEqual(keysAt(byDefault), ["default", "default"]);
});

test("a key is sent only to the server that it was given for, and what is missing is said", async (t) => {
  const { run, writeProfile } = await startAway(t);
  await using other = await startEmpty();
  writeProfile("default", ["WAYPOST_URL=https://waypost.acme.com", "WAYPOST_API_KEY=default"]);
  writeProfile("keyless", [`WAYPOST_URL=${other.url}`]);
  writeProfile("nowhere", ["WAYPOST_API_KEY=x"]);
  for (const [args, more, said] of [
    [["--url", other.url], {}, /No key is given for http:.*Use --key/],
    [["--url", other.url, "--profile", "default"], {}, /No key is given for http:.*Use --key/],
    [["--url", other.url], { WAYPOST_API_KEY: "environment" }, /No key is given for http:.*Use --key/],
    [[], { WAYPOST_URL: other.url }, /No key is given for http:.*WAYPOST_API_KEY or --key/],
    [["--profile", "keyless"], { WAYPOST_API_KEY: "x" }, /No key is given .*WAYPOST_API_KEY in .*keyless/],
    [["--profile", "nowhere"], {}, /nowhere\.profile has no WAYPOST_URL/],
    [["--profile", "unknown"], {}, /There is no profile/],
    [["--profile", "../x"], {}, /profile's name/],
  ] as const) {
    const { code, stderr } = await run(args, more);
    assert.equal(code, 1);
    assert.match(stderr, said);
  }
  assert.deepEqual(other.requests, []);
  const silent = await run(["--url", "http://127.0.0.1:9", "--key", "x"]);
  assert.equal(silent.code, 1);
  assert.match(silent.stderr, /does not answer/);
});

test("this machine's own server is found where it listens everywhere, and over IPv6", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  for (const [listen, url] of [
    ["0.0.0.0:9", "http://127.0.0.1:9"],
    ["[::]:9", "http://[::1]:9"],
    ["[::1]:9", "http://[::1]:9"],
  ] as const) {
    const here = { WAYPOST_API_LISTEN: listen, WAYPOST_URL: "", WAYPOST_API_KEY: KEY };
    const { stderr } = await runWith("", installation, ["domains", "list"], here);
    assert.ok(stderr.startsWith(`${url} does not answer`), stderr);
  }
});

test("the API's own certificate is trusted on this machine, whatever name it is for; elsewhere WAYPOST_CA_FILE's", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const authority = issueCertificate({ commonName: "Test CA", isCa: true });
  const write = (name: string, content: string): string => {
    const path = join(installation.dataDir, name);
    writeFileSync(path, content);
    return path;
  };
  const shown = issueCertificate({
    commonName: "x",
    dnsNames: ["localhost", "a.acme.com"],
    issuer: authority,
  });
  const tls = {
    WAYPOST_API_TLS_CERT_FILE: write("cert.pem", shown.cert),
    WAYPOST_API_TLS_KEY_FILE: write("key.pem", shown.key),
  };
  await installation.serve(tls);
  const here = await runWith("", installation, LIST, tls);
  assert.equal(here.code, 0, here.stderr);
  const added = await runWith("", installation, ["domains", "add", "click.localhost"], tls);
  assert.equal(added.code, 0, added.stderr);
  const removed = await runWith("", installation, ["domains", "rm", "click.localhost", "--yes"], tls);
  assert.equal(removed.code, 0, removed.stderr);

  const elsewhere = [...LIST, "--url", `https://localhost:${installation.ports.api}`, "--key", KEY];
  const unknown = await runWith("", installation, elsewhere);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /does not answer: unable to verify/);
  const known = await runWith("", installation, elsewhere, {
    WAYPOST_CA_FILE: write("ca.pem", authority.cert),
  });
  assert.equal(known.code, 0, known.stderr);
  const missing = await runWith("", installation, elsewhere, { WAYPOST_CA_FILE: "/nowhere.pem" });
  assert.match(missing.stderr, /WAYPOST_CA_FILE cannot be read/);

  const foreign = issueCertificate({ commonName: "x", dnsNames: ["waypost.acme.com"], issuer: authority });
  const impostor = {
    ...tls,
    WAYPOST_API_TLS_CERT_FILE: write("other.pem", foreign.cert),
    WAYPOST_API_TLS_KEY_FILE: write("other-key.pem", foreign.key),
  };
  const refused = await runWith("", installation, LIST, impostor);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /does not answer/);
});

test("a certificate for a public name or any name below it serves on this machine", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const { cert, key } = issueCertificate({ commonName: "x", dnsNames: ["*.acme.com"] });
  const [certFile, keyFile] = [join(installation.dataDir, "c.pem"), join(installation.dataDir, "k.pem")];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  const tls = { WAYPOST_API_TLS_CERT_FILE: certFile, WAYPOST_API_TLS_KEY_FILE: keyFile };
  await installation.serve(tls);
  const { code, stderr } = await runWith("", installation, LIST, tls);
  assert.equal(code, 0, stderr);
});

test("a key that would cross a network in clear is warned of, one that stays on this machine or goes over TLS is not", async (t) => {
  const { run } = await startAway(t);
  const warning = /Warning: the key crosses the network to [^ ]+ in clear\. Use https\./;
  // Nobody answers at any of these; it is said before.
  for (const [url, isWarnedOf] of [
    ["http://waypost.invalid", true],
    ["https://waypost.invalid", false],
    ["http://127.0.0.1:9", false],
    ["http://localhost:9", false],
  ] as const) {
    const { code, stderr } = await run(["--url", url, "--key", KEY]);
    assert.deepEqual([code, warning.test(stderr)], [1, isWarnedOf], `${url}: ${stderr}`);
  }
});
