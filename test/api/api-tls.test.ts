import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";

import { followTlsFiles, readTlsPair } from "../../src/api/tls-files.ts";
import { type Certificate, issueCertificate } from "../verification/certificates.ts";
import { FIRST_KEY, startTestApi } from "./harness.ts";

const authority = issueCertificate({ commonName: "Test CA", isCa: true });
const certificate = (dnsName: string) =>
  issueCertificate({ commonName: "x", dnsNames: [dnsName], issuer: authority });

function writePair(t: TestContext, { cert, key }: Certificate) {
  const folder = mkdtempSync(join(tmpdir(), "waypost-api-tls-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const files = { certFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem") };
  writeFileSync(files.certFile, cert);
  writeFileSync(files.keyFile, key);
  return files;
}

/** The host name that the certificate is for; the handshake fails when it is not our authority's. */
function shownName(port: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, ca: [authority.cert], checkServerIdentity: () => undefined };
    const socket = connect(options, () => {
      resolve(socket.getPeerCertificate().subjectaltname);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > giveUpAt) throw new Error("it never became true");
    await sleep(10);
  }
}

test("with a certificate of its own the API speaks TLS, and nothing else", async (t) => {
  const files = writePair(t, certificate("waypost.acme.com"));
  await using api = await startTestApi("sqlite", {
    apiTlsCertFile: files.certFile,
    apiTlsKeyFile: files.keyFile,
  });
  const port = api.control.apiAddress?.port ?? 0;
  assert.equal(await shownName(port), "DNS:waypost.acme.com");
  await assert.rejects(
    fetch(`http://127.0.0.1:${port}/api/v1/session`, { headers: { authorization: FIRST_KEY } }),
  );
});

test("a renewed certificate is shown to the next connection; files that do not fit leave the former one", async (t) => {
  const files = writePair(t, certificate("old.acme.com"));
  const current = await readTlsPair(files);
  const server: Server = createServer(current, (_request, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const said: string[] = [];
  const log = {
    info: (_fields: object, message: string) => void said.push(message),
    error: (_fields: object, message: string) => void said.push(message),
  };
  const following = followTlsFiles(server, files, { current, log, intervalMs: 5 });
  t.after(() => following.stop());

  const renewed = certificate("new.acme.com");
  // A file that is only half there would be told of on its own.
  const replace = (file: string, content: string): void => {
    writeFileSync(`${file}.new`, content);
    renameSync(`${file}.new`, file);
  };
  replace(files.certFile, renewed.cert);
  await until(() => said.length > 0);
  assert.match(said[0] ?? "", /cannot be used: the former one stays/);
  assert.equal(await shownName(port), "DNS:old.acme.com");

  replace(files.keyFile, renewed.key);
  await until(async () => (await shownName(port)) === "DNS:new.acme.com");
  assert.deepEqual(said.slice(1), ["the API's certificate was renewed"]);
});
